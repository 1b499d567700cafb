// The controllers: what turns a Deployment into a ReplicaSet and that into Pods, and what fills the
// built-in roles "view", "edit" and "admin", which are empty without it. Each calls the API under the
// name and with the rights it has in a real cluster, so webhooks see the users they would see there.
// No others run: nothing schedules Pods, collects garbage, or empties namespaces.

package main

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/deployment"
	"k8s.io/kubernetes/pkg/controller/replicaset"
)

const workers = 2

// startControllers returns once the controllers know the state of the cluster and run. They end with ctx.
func startControllers(ctx context.Context, admin *rest.Config) error {
	clients, err := newControllerClients(admin)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(clients.informers, 0)
	apps, pods, roles := factory.Apps().V1(), factory.Core().V1().Pods(), factory.Rbac().V1().ClusterRoles()

	deployments, err := deployment.NewDeploymentController(
		ctx, apps.Deployments(), apps.ReplicaSets(), pods, clients.deployments)
	if err != nil {
		return fmt.Errorf("deployment controller: %w", err)
	}
	replicaSets := replicaset.NewReplicaSetController(
		ctx, apps.ReplicaSets(), pods, clients.replicaSets, replicaset.BurstReplicas)
	aggregation := clusterroleaggregation.NewClusterRoleAggregation(roles, clients.aggregation.RbacV1())

	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("controllers: %v were not listed: %w", kind, context.Cause(ctx))
		}
	}
	go deployments.Run(ctx, workers)
	go replicaSets.Run(ctx, workers)
	go aggregation.Run(ctx, workers)
	return nil
}

// controllerClients are one client for what all controllers read, and one each for what they write.
type controllerClients struct {
	informers, deployments, replicaSets, aggregation kubernetes.Interface
}

func newControllerClients(admin *rest.Config) (controllerClients, error) {
	var clients controllerClients
	var errs [4]error
	clients.informers, errs[0] = kubernetes.NewForConfig(admin)
	clients.deployments, errs[1] = kubernetes.NewForConfig(asController(admin, "deployment-controller"))
	clients.replicaSets, errs[2] = kubernetes.NewForConfig(asController(admin, "replicaset-controller"))
	clients.aggregation, errs[3] = kubernetes.NewForConfig(asController(admin, "clusterrole-aggregation-controller"))
	return clients, errors.Join(errs[:]...)
}

// asController is the same way in, as the service account that a controller has in a real cluster.
func asController(admin *rest.Config, name string) *rest.Config {
	config := rest.AddUserAgent(rest.CopyConfig(admin), name)
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:kube-system:" + name,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"},
	}
	return config
}
