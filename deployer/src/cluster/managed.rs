//! Who else keeps an object as it is: the marks that Argo CD and Flux leave on what they apply. Pure.
//!
//! Such an object is theirs to change: what we wrote into it would be undone at their next look, or fight them.

use serde_json::Value;

/// Labels and annotations that name the application.
const MARKS: &[(&str, &str, &str)] = &[
    ("labels", "argocd.argoproj.io/instance", "Argo CD"),
    ("annotations", "argocd.argoproj.io/tracking-id", "Argo CD"),
    ("labels", "kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("labels", "helm.toolkit.fluxcd.io/name", "Flux"),
];
/// Names under which their controllers write. Argo CD may be set up to mark objects by a label that others use too.
const MANAGERS: &[(&str, &str)] =
    &[("argocd-controller", "Argo CD"), ("kustomize-controller", "Flux"), ("helm-controller", "Flux")];

/// `Argo CD (argocd.argoproj.io/instance = platform)`; `None` when neither of them keeps the object.
#[must_use]
pub fn manager(object: &Value) -> Option<String> {
    let metadata = &object["metadata"];
    let mark = MARKS.iter().find_map(|(field, key, tool)| {
        let value = metadata[*field][*key].as_str()?;
        Some(format!("{tool} ({key} = {value})"))
    });
    mark.or_else(|| {
        let entries = metadata["managedFields"].as_array()?;
        let mut written = entries.iter().filter_map(|entry| entry["manager"].as_str());
        let known = |name: &str| MANAGERS.iter().find(|(manager, _)| *manager == name);
        written.find_map(known).map(|(name, tool)| format!("{tool} (written by {name})"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_argo_cd_or_flux_keeps_is_recognised_by_each_of_their_marks() {
        let cases = [
            ("nobody", json!({ "labels": { "app.kubernetes.io/instance": "x" } }), None),
            (
                "argo by label",
                json!({ "labels": { "argocd.argoproj.io/instance": "platform" } }),
                Some("Argo CD (argocd.argoproj.io/instance = platform)"),
            ),
            (
                "argo by annotation",
                json!({ "annotations": { "argocd.argoproj.io/tracking-id": "a:b" } }),
                Some("Argo CD (argocd.argoproj.io/tracking-id = a:b)"),
            ),
            (
                "flux by kustomization",
                json!({ "labels": { "kustomize.toolkit.fluxcd.io/name": "p" } }),
                Some("Flux (kustomize.toolkit.fluxcd.io/name = p)"),
            ),
            (
                "flux by release",
                json!({ "labels": { "helm.toolkit.fluxcd.io/name": "p" } }),
                Some("Flux (helm.toolkit.fluxcd.io/name = p)"),
            ),
            (
                "argo by its fields",
                json!({ "managedFields": [{ "manager": "kubectl" }, { "manager": "argocd-controller" }] }),
                Some("Argo CD (written by argocd-controller)"),
            ),
            ("kubectl", json!({ "managedFields": [{ "manager": "kubectl-edit" }] }), None),
        ];
        for (name, metadata, expected) in cases {
            assert_eq!(manager(&json!({ "metadata": metadata })).as_deref(), expected, "{name}");
        }
    }
}
