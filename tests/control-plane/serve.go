// The serve subcommand: starts the parts in order, says when they are ready, and stops them in the
// opposite order: controllers, API server, etcd.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/client-go/kubernetes"
)

const (
	startTimeout = 2 * time.Minute // seconds on an idle machine; a busy CI machine is another matter
	stopTimeout  = 5 * time.Second
)

var errAsked = errors.New("asked to stop")

// settings are the flags of serve.
type settings struct {
	dir, kubeconfig, log string
	admission            string // empty: none
	watchStdin           bool
}

// serveCommand is serve from flags to exit status.
func serveCommand(args []string) int {
	chosen, err := parseSettings(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "control-plane: %v\n\n%s", err, usage)
		return 2
	}
	terminal, err := redirectStderr(chosen.log)
	if err != nil {
		fmt.Fprintf(os.Stderr, "control-plane: %v\n", err)
		return 1
	}
	ctx, cancel := untilAskedToStop(chosen.watchStdin)
	defer cancel(nil)
	if err := serve(ctx, chosen, os.Stdout, terminal); err != nil {
		fmt.Fprintf(terminal, "control-plane: %v (log: %s)\n", err, chosen.log)
		return 1
	}
	return 0
}

func parseSettings(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.dir, "dir", "", "")
	flags.StringVar(&s.kubeconfig, "kubeconfig", "", "")
	flags.StringVar(&s.log, "log", "", "")
	flags.StringVar(&s.admission, "admission-control-config-file", "", "")
	flags.BoolVar(&s.watchStdin, "watch-stdin", true, "")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Print(usage)
		return s, err
	} else if err != nil {
		return s, err
	}
	if s.dir == "" || s.kubeconfig == "" || flags.NArg() > 0 {
		return s, errors.New("serve needs --dir and --kubeconfig, and takes nothing but flags")
	}
	if s.log == "" {
		s.log = filepath.Join(s.dir, "control-plane.log")
	}
	paths := []*string{&s.dir, &s.kubeconfig, &s.log}
	if s.admission != "" {
		paths = append(paths, &s.admission)
	}
	for _, path := range paths { // what others read must not depend on where we run
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return s, err
		}
		*path = absolute
	}
	return s, os.MkdirAll(s.dir, 0o700)
}

// untilAskedToStop ends with SIGTERM, SIGINT, or, when watched, the end of stdin.
func untilAskedToStop(watchStdin bool) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		cancel(errAsked)
	}()
	if watchStdin {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel(errAsked)
		}()
	}
	return ctx, cancel
}

// controlPlane is what has been started so far; nil fields have not.
type controlPlane struct {
	etcd            *embed.Etcd
	api             *apiServer
	stopControllers context.CancelFunc
}

// serve runs the control plane until ctx ends (nil) or a part of it fails.
func serve(ctx context.Context, chosen settings, stdout, terminal io.Writer) error {
	var plane controlPlane
	endSoon := func() {
		time.AfterFunc(stopTimeout, func() {
			fmt.Fprintf(terminal, "control-plane: it did not stop in %v and was ended\n", stopTimeout)
			os.Exit(1)
		})
	}
	context.AfterFunc(ctx, endSoon) // also while starting: not every start can be interrupted
	starting, done := context.WithTimeoutCause(ctx, startTimeout,
		fmt.Errorf("not ready after %v", startTimeout))
	line, err := plane.start(starting, ctx, chosen)
	done()
	if err == nil {
		fmt.Fprintln(stdout, line)
		err = plane.wait(ctx)
	}
	if err != nil {
		endSoon()
	}
	plane.stop()
	return err
}

// start brings everything up and returns the line that says so. starting bounds the start; running
// bounds what goes on afterwards.
func (plane *controlPlane) start(starting, running context.Context, chosen settings) (string, error) {
	if err := lockDir(chosen.dir); err != nil {
		return "", err
	}
	if err := clearKubeconfig(chosen.kubeconfig); err != nil {
		return "", err
	}
	secrets, err := prepareFiles(chosen.dir)
	if err != nil {
		return "", err
	}
	if plane.etcd, err = startEtcd(starting, chosen.dir); err != nil {
		return "", err
	}
	if plane.api, err = startAPIServer(chosen.dir, etcdURL(plane.etcd), chosen.admission); err != nil {
		return "", err
	}
	way, err := loadAccess(chosen.dir, plane.api.url)
	if err != nil {
		return "", err
	}
	version, err := plane.populate(starting, running, way, secrets)
	if err != nil {
		return "", err
	}
	err = errors.Join(
		way.writeKubeconfig(filepath.Join(chosen.dir, "readonly.kubeconfig"), readonlyName, secrets.readonly),
		way.writeKubeconfig(chosen.kubeconfig, adminName, secrets.admin),
	)
	if err != nil {
		return "", err
	}
	return readyLine(way.server, chosen.kubeconfig, version)
}

// populate waits for the API, then adds the controllers and the read-only user.
func (plane *controlPlane) populate(starting, running context.Context, way access, secrets tokens) (string, error) {
	starting, fail := context.WithCancelCause(starting)
	defer fail(nil)
	go func() { // an API server that fails to start ends the waiting for it
		select {
		case <-plane.api.stopped:
			fail(plane.api.err)
		case <-starting.Done():
		}
	}()
	config := way.restConfig(secrets.admin)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", err
	}
	version, err := awaitAPI(starting, client)
	if err != nil {
		return "", err
	}
	running, plane.stopControllers = context.WithCancel(running)
	if err := startControllers(running, config); err != nil {
		return "", err
	}
	return version, bindReadonly(starting, client)
}

// wait returns nil when ctx ends, or why the API server or etcd ended before that.
func (plane *controlPlane) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-plane.api.stopped:
		return fmt.Errorf("kube-apiserver: %w", plane.api.err)
	case err := <-plane.etcd.Err():
		return fmt.Errorf("etcd: %w", err)
	}
}

// stop ends what runs, users before what they use. An API server without etcd would fill the log, so if
// it does not end, both end with the process: to etcd's files that is no worse than a crash, which they survive.
func (plane *controlPlane) stop() {
	if plane.stopControllers != nil {
		plane.stopControllers()
	}
	if plane.api != nil && !plane.api.close() {
		return
	}
	if plane.etcd != nil {
		plane.etcd.Close()
	}
}

func readyLine(server, kubeconfig, version string) (string, error) {
	line, err := json.Marshal(struct {
		Ready      bool   `json:"ready"`
		Server     string `json:"server"`
		Kubeconfig string `json:"kubeconfig"`
		Version    string `json:"version"`
	}{true, server, kubeconfig, version})
	return string(line), err
}
