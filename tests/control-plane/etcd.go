// The embedded etcd. It listens on a loopback port without authentication, as fits throwaway test data,
// and never waits for the disk.

package main

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/embed"
)

// startEtcd returns once etcd serves. The caller closes it, after everything that uses it has stopped.
func startEtcd(ctx context.Context, dir string) (*embed.Etcd, error) {
	server, err := embed.StartEtcd(etcdConfig(dir))
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	select {
	case <-server.Server.ReadyNotify():
		return server, nil
	case err = <-server.Err():
	case <-server.Server.StopNotify():
		err = fmt.Errorf("it stopped by itself")
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	server.Close()
	return nil, fmt.Errorf("etcd: %w", err)
}

func etcdConfig(dir string) *embed.Config {
	anyPort := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config := embed.NewConfig()
	config.Dir = filepath.Join(dir, "etcd")
	config.ListenClientUrls, config.AdvertiseClientUrls = anyPort, anyPort
	config.ListenPeerUrls, config.AdvertisePeerUrls = anyPort, anyPort
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.LogOutputs = []string{"stderr"} // the log file by then; the default may be the system journal
	config.LogLevel = "warn"
	config.UnsafeNoFsync = true
	config.TickMs, config.ElectionMs = 10, 100 // one member: nobody to wait for when it elects itself
	return config
}

// etcdURL is where this etcd really listens: its configuration says port 0.
func etcdURL(server *embed.Etcd) string {
	return "http://" + server.Clients[0].Addr().String()
}
