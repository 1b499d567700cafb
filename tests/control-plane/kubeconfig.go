// Kubeconfig files, for people and tests, and this process's own client.

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Names of cluster, context and user in the kubeconfig files; the users' names in the API too.
const (
	adminName    = "local-world"
	readonlyName = "local-world-readonly"
)

// access is what a client needs to reach the API server.
type access struct {
	server string
	ca     []byte
}

// loadAccess reads the certificate kube-apiserver has generated for itself by now: a leaf followed by
// the authority that signed it.
func loadAccess(dir, server string) (access, error) {
	ca, err := os.ReadFile(filepath.Join(dir, certDir, "apiserver.crt"))
	return access{server: server, ca: ca}, err
}

// restConfig is this process's own way in. It must not take the proxy that is meant for webhooks.
func (a access) restConfig(token string) *rest.Config {
	return &rest.Config{
		Host:            a.server,
		BearerToken:     token,
		TLSClientConfig: rest.TLSClientConfig{CAData: a.ca},
		Proxy:           func(*http.Request) (*url.URL, error) { return nil, nil },
		QPS:             -1, // no throttling of ourselves
	}
}

// writeKubeconfig puts a kubeconfig in place in one step: a reader sees all of it or none.
func (a access) writeKubeconfig(path, user, token string) error {
	config := api.NewConfig()
	config.Clusters[adminName] = &api.Cluster{Server: a.server, CertificateAuthorityData: a.ca}
	config.AuthInfos[user] = &api.AuthInfo{Token: token}
	config.Contexts[user] = &api.Context{Cluster: adminName, AuthInfo: user}
	config.CurrentContext = user
	content, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".kubeconfig-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = temporary.Write(content)
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		os.Remove(temporary.Name())
	}
	return err
}

// clearKubeconfig removes what an earlier run left, so that the file's presence means "ready". It
// refuses to touch a kubeconfig that this program has not written: it may be somebody's only one.
func clearKubeconfig(path string) error {
	old, err := clientcmd.LoadFromFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for name := range old.Contexts {
		if name != adminName && name != readonlyName {
			return fmt.Errorf("%s is a kubeconfig with a context %q that is not ours: choose another file", path, name)
		}
	}
	return os.Remove(path)
}
