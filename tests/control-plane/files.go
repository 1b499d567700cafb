// The state directory: its lock, and the files kube-apiserver wants to find there: tokens, the key of
// service accounts, the audit policy.

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Names inside the state directory.
const (
	certDir               = "certs"
	tokenFile             = "certs/tokens.csv"
	serviceAccountKeyFile = "certs/service-account.key"
	auditPolicyFile       = "audit-policy.yaml"
	lockFile              = "lock"
)

// auditPolicy keeps what a test of an admission webhook asks about, and nothing that happens all the time.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [create, update, patch, delete, deletecollection]
  resources:
  - group: ""
    resources: ["pods", "pods/*"]
  - group: apps
  - group: batch
- level: None
`

// tokens are the secrets of the two users, new in every run.
type tokens struct{ admin, readonly string }

// prepareFiles creates the state directory and what kube-apiserver reads at its start.
func prepareFiles(dir string) (tokens, error) {
	secrets := tokens{admin: rand.Text(), readonly: rand.Text()}
	users := fmt.Sprintf("%s,%s,%s,system:masters\n%s,%s,%s\n",
		secrets.admin, adminName, adminName, secrets.readonly, readonlyName, readonlyName)
	return secrets, errors.Join(
		os.MkdirAll(filepath.Join(dir, certDir), 0o700),
		os.WriteFile(filepath.Join(dir, tokenFile), []byte(users), 0o600),
		os.WriteFile(filepath.Join(dir, auditPolicyFile), []byte(auditPolicy), 0o600),
		ensureKey(filepath.Join(dir, serviceAccountKeyFile)),
	)
}

// lockDir holds the state directory until the process ends, however it ends. etcd has a lock of its own,
// but waits for it silently and for ever.
func lockDir(dir string) error {
	file, err := unix.Open(filepath.Join(dir, lockFile), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("%s cannot be used: %w", dir, err)
	}
	if err := unix.Flock(file, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("%s is in use by another control plane: %w", dir, err)
	}
	return nil // the descriptor stays open on purpose
}

// ensureKey makes a private key unless an earlier run left one.
func ensureKey(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}
