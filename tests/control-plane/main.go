// Control-plane is a real Kubernetes API for machines without a cluster: etcd, kube-apiserver and the
// Deployment and ReplicaSet controllers in one process, plus kubectl, in one binary. There is no
// scheduler and no kubelet: Pods are admitted and stored, and stay Pending. There is no garbage
// collector either: who deletes a Deployment deletes its ReplicaSets and Pods too, and a deleted
// namespace stays in phase Terminating.
//
//	control-plane serve --dir DIR --kubeconfig FILE [--log FILE] [--admission-control-config-file FILE] [--watch-stdin=false]
//	control-plane kubectl ARGS...      (also when the binary is called under the name "kubectl")
//
// serve prints one line of JSON on stdout once everything answers:
//
//	{"ready":true,"server":"https://127.0.0.1:PORT","kubeconfig":"FILE","version":"v1.37.2"}
//
// and goes on until SIGTERM, SIGINT, or the end of its stdin. A parent hands it a pipe as stdin and
// keeps the other end open: whatever ends the parent, kill -9 included, then ends the control plane
// too. The parent must let no other child inherit that end. With a terminal, /dev/null or nothing as
// stdin, pass --watch-stdin=false. What cannot start is said in one line on stderr, with exit status 1;
// everything else etcd and the API server have to say is in the log.
//
// DIR (created with mode 0700) holds all state and may be used again by a later run:
//
//	etcd/ certs/             data and generated keys
//	readonly.kubeconfig      context local-world-readonly: a user with the ClusterRole "view" only
//	audit.log                metadata of every write to Pods and workloads, with the webhooks' annotations
//	control-plane.log        unless --log says otherwise
//
// --admission-control-config-file is kube-apiserver's own: by it, the API server sends webhooks a token.
//
// HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE are left as they are: the API server's webhook client honours
// them, so it can be led to a local stand-in behind a production-shaped URL.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const usage = `usage:
  control-plane serve --dir DIR --kubeconfig FILE [--log FILE] [--admission-control-config-file FILE] [--watch-stdin=false]
  control-plane kubectl ARGS...
`

func main() {
	if filepath.Base(os.Args[0]) == "kubectl" {
		os.Exit(kubectl(os.Args[1:]))
	}
	os.Exit(run(os.Args[1:], os.Stderr))
}

// run hands over to a subcommand and returns the exit status.
func run(args []string, stderr io.Writer) int {
	command := "help"
	if len(args) > 0 {
		command = args[0]
	}
	switch command {
	case "serve":
		return serveCommand(args[1:])
	case "kubectl":
		return kubectl(args[1:])
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stderr, usage)
		return 0
	default:
		fmt.Fprintf(stderr, "control-plane: there is no subcommand %q\n\n%s", command, usage)
		return 2
	}
}
