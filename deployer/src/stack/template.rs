//! The template that a stack has, so that its parameters alone can be changed.

use aws_sdk_cloudformation::types::TemplateStage;

use super::StackClient;
use crate::{aws, error::Failure};

impl StackClient {
    /// The text as it was given last.
    ///
    /// # Errors
    /// When `CloudFormation` does not say.
    pub async fn template(&self) -> Result<String, Failure> {
        let request = self.client.get_template().stack_name(&self.name).template_stage(TemplateStage::Original);
        let answer = request.send().await.map_err(|error| {
            aws::failure(&format!("the template of the stack {} could not be read", self.name), &error)
        })?;
        answer
            .template_body
            .ok_or_else(|| Failure::new(format!("CloudFormation gave no template of the stack {}", self.name)))
    }
}
