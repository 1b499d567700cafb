// The kubectl subcommand: kubectl as its own project builds it, for machines that have none.

package main

import (
	"os"

	// The sign-in methods a kubeconfig may name.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

// kubectl runs kubectl with these arguments and returns its exit status. Kubectl itself leaves the
// process on most errors.
func kubectl(args []string) int {
	os.Args = append([]string{"kubectl"}, args...) // kubectl reads its arguments and plugins from here
	_, _ = logs.GlogSetter(cmd.GetLogVerbosity(os.Args))
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
		return 1
	}
	return 0
}
