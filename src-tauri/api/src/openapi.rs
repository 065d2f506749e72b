//! The document that describes the API, made from the routes themselves.

use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder};

use crate::error::Error;

/// What the document begins with.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Weir",
        description = "Times are RFC 3339 in UTC, durations are seconds, rates are bits a second. \
                       Every answer that is not a success is an `Error`.",
        license(name = "MIT", identifier = "MIT")
    ),
    components(schemas(Error))
)]
pub(crate) struct Document;

/// The OpenAPI 3.1 document of [`router`](crate::router()).
pub fn openapi() -> OpenApi {
    crate::router::described().1
}

/// What holds for every route and is therefore said once: the error, an identity that names the noun too (the functions
/// of two nouns share their names), and that an answer leaves no field out.
pub(crate) fn complete(document: &mut OpenApi) {
    let error = RefOr::T(
        ResponseBuilder::new()
            .description("What went wrong")
            .content("application/json", Content::new(Some(Ref::from_schema_name("Error"))))
            .build(),
    );
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let tag = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
            operation.operation_id = operation.operation_id.take().map(|function| format!("{tag}_{function}"));
            for response in operation.responses.responses.values_mut() {
                if let RefOr::T(response) = response
                    && response.description.is_empty()
                {
                    response.description = String::from("Done");
                }
            }
            operation.responses.responses.insert(String::from("default"), error.clone());
        }
    }
    let Some(components) = &mut document.components else { return };
    for (name, schema) in &mut components.schemas {
        let RefOr::T(Schema::Object(object)) = schema else { continue };
        if name.ends_with("Patch") || name.ends_with("Create") {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        } else {
            object.required = object.properties.keys().cloned().collect();
        }
    }
}

/// Serves the document itself.
pub(crate) async fn show() -> crate::extract::Json<OpenApi> {
    crate::extract::Json(openapi())
}
