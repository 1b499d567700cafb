// The kube-apiserver: its settings, and its life from start to a stop that is waited for.
// It is built from its options rather than its command, because the command listens for signals by
// itself and would stop at the same moment as what it depends on.

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

const apiServerPatience = 3 * time.Second

// apiServer is a running kube-apiserver.
type apiServer struct {
	url     string
	stop    context.CancelFunc
	stopped chan struct{} // closed when it has ended; err is set by then
	err     error
}

// startAPIServer returns once the server has its port and has begun to start: it is not ready yet.
// The port is held from the first moment, so nobody else can take it.
func startAPIServer(dir, etcd, admission string) (*apiServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("kube-apiserver: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	completed, err := apiServerOptions(ctx, apiServerFlags(dir, etcd, admission), listener)
	if err != nil {
		stop()
		listener.Close()
		return nil, fmt.Errorf("kube-apiserver: %w", err)
	}
	server := &apiServer{url: "https://" + listener.Addr().String(), stop: stop, stopped: make(chan struct{})}
	go func() {
		defer close(server.stopped)
		if server.err = app.Run(ctx, completed); server.err == nil && ctx.Err() == nil {
			server.err = errors.New("it stopped by itself")
		}
	}()
	return server, nil
}

// close stops the server and waits until it has ended, but not for long: a client's open watch alone
// would hold it for a minute. It says whether the server has ended.
func (server *apiServer) close() bool {
	server.stop()
	select {
	case <-server.stopped:
		return true
	case <-time.After(apiServerPatience):
		return false
	}
}

// apiServerOptions are the options of this server, parsed, defaulted and checked as its command does it.
func apiServerOptions(ctx context.Context, args []string, listener net.Listener) (options.CompletedOptions, error) {
	var none options.CompletedOptions
	opts := options.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, set := range opts.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse(args); err != nil {
		return none, err
	}
	opts.SecureServing.Listener = listener
	opts.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port
	if err := opts.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return none, err
	}
	rest.SetDefaultWarningHandler(rest.NoWarnings{}) // the server's calls to itself
	completed, err := opts.Complete(ctx)
	if err != nil {
		return none, err
	}
	return completed, utilerrors.NewAggregate(completed.Validate())
}

// apiServerFlags: RBAC is on; the ServiceAccount plugin is off, since nothing here would make the
// accounts that Pods must then have. Image volumes and ephemeral containers need no feature gate.
func apiServerFlags(dir, etcd, admission string) []string {
	flags := []string{
		"--etcd-servers=" + etcd,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none",
		"--cert-dir=" + filepath.Join(dir, certDir),
		"--token-auth-file=" + filepath.Join(dir, tokenFile),
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://local-world.invalid",
		"--service-account-key-file=" + filepath.Join(dir, serviceAccountKeyFile),
		"--service-account-signing-key-file=" + filepath.Join(dir, serviceAccountKeyFile),
		"--service-cluster-ip-range=10.0.0.0/24",
		"--disable-admission-plugins=ServiceAccount",
		"--allow-privileged",
		"--audit-policy-file=" + filepath.Join(dir, auditPolicyFile),
		"--audit-log-path=" + filepath.Join(dir, "audit.log"),
	}
	if admission != "" {
		flags = append(flags, "--admission-control-config-file="+admission)
	}
	return flags
}
