// What has to be true before the control plane calls itself ready.

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	rbac "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const pollInterval = 50 * time.Millisecond

// poll repeats check until it has nothing to complain about.
func poll(ctx context.Context, check func() error) error {
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("kube-apiserver: %w (last answer: %w)", context.Cause(ctx), err)
		case <-time.After(pollInterval):
		}
	}
}

// awaitAPI waits until the API server is ready and the namespaces everybody counts on exist.
// It returns the version the server gives for itself.
func awaitAPI(ctx context.Context, client kubernetes.Interface) (string, error) {
	if err := poll(ctx, func() error { return checkAPI(ctx, client) }); err != nil {
		return "", err
	}
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		return "", fmt.Errorf("kube-apiserver: %w", err)
	}
	return version.GitVersion, nil
}

func checkAPI(ctx context.Context, client kubernetes.Interface) error {
	if err := client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
		return err
	}
	for _, name := range []string{meta.NamespaceDefault, meta.NamespaceSystem} {
		if _, err := client.CoreV1().Namespaces().Get(ctx, name, meta.GetOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// bindReadonly gives the read-only user the built-in role "view": Pods and workloads may be read,
// nothing may be written, and webhook configurations are out of sight. It returns once the role has
// been filled by its controller.
func bindReadonly(ctx context.Context, client kubernetes.Interface) error {
	const view = "view"
	binding := &rbac.ClusterRoleBinding{
		ObjectMeta: meta.ObjectMeta{Name: readonlyName},
		RoleRef:    rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "ClusterRole", Name: view},
		Subjects:   []rbac.Subject{{APIGroup: rbac.GroupName, Kind: rbac.UserKind, Name: readonlyName}},
	}
	_, err := client.RbacV1().ClusterRoleBindings().Create(ctx, binding, meta.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) { // it exists after an earlier run on the same directory
		return err
	}
	return poll(ctx, func() error {
		role, err := client.RbacV1().ClusterRoles().Get(ctx, view, meta.GetOptions{})
		if err == nil && len(role.Rules) == 0 {
			err = errors.New("the built-in role is empty")
		}
		return err
	})
}
