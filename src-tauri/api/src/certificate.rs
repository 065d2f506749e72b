//! The certificate that encrypted listeners show.

use std::time::SystemTime;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use weir_engine::tls::{CertificateError, Certificates, Pair};
use weir_media::Secret;

use crate::error::{Code, Error};
use crate::extract::Json;
use crate::model::{Certificate, CertificateCreate};
use crate::router::Api;

/// The certificate in force. One is made when there is none yet.
#[utoipa::path(get, path = "/certificate", tag = "certificate", responses((status = 200, body = Certificate)))]
pub(crate) async fn show(State(api): State<Api>) -> Result<Json<Certificate>, Error> {
    with(&api, |certificates, now| certificates.prepare(now)).await
}

/// Use another certificate from now on. Connections go on; the next one sees it.
#[utoipa::path(put, path = "/certificate", tag = "certificate", request_body = CertificateCreate,
    responses((status = 200, body = Certificate)))]
pub(crate) async fn import(
    State(api): State<Api>,
    Json(new): Json<CertificateCreate>,
) -> Result<Json<Certificate>, Error> {
    if api.engine.config().tls.cert.is_some() {
        return Err(Error::invalid(
            "The certificate is read from files that the settings name.",
            "Replace those files, or take tls.cert and tls.key out of the settings.",
        ));
    }
    let pair = Pair { certificate: new.certificate, key: Secret::new(new.key) };
    let wanted = new.server_name.filter(|name| !name.trim().is_empty());
    with(&api, move |certificates, now| certificates.import(&pair, wanted.as_deref().map(str::trim), now)).await
}

/// Let Weir make a new certificate for this computer, with the names and addresses it has now. An imported one is forgotten.
#[utoipa::path(post, path = "/certificate/renew", tag = "certificate", responses((status = 200, body = Certificate)))]
pub(crate) async fn renew(State(api): State<Api>) -> Result<Json<Certificate>, Error> {
    if api.engine.config().tls.cert.is_some() {
        return Err(Error::invalid(
            "The certificate is read from files that the settings name.",
            "Take tls.cert and tls.key out of the settings first.",
        ));
    }
    with(&api, |certificates, now| certificates.renew(now)).await
}

/// The certificate as a file, to be trusted on other computers. It holds no key.
#[utoipa::path(get, path = "/certificate/file", tag = "certificate",
    responses((status = 200, body = String, content_type = "application/x-pem-file")))]
pub(crate) async fn file(State(api): State<Api>) -> Result<Response, Error> {
    let Json(shown) = with(&api, |certificates, now| certificates.prepare(now)).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"weir.crt\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, shown.pem).into_response())
}

async fn with(
    api: &Api,
    change: impl FnOnce(&Certificates, SystemTime) -> Result<(), CertificateError> + Send + 'static,
) -> Result<Json<Certificate>, Error> {
    let certificates = api.engine.context().certificates.clone();
    let changed = tokio::task::spawn_blocking(move || {
        let now = SystemTime::now();
        change(&certificates, now).map(|()| certificates.status().map(|status| Certificate::new(status, now)))
    });
    let shown = changed.await.map_err(|_| Error::internal())?.map_err(|error| failed(&error))?;
    shown.map(Json).ok_or_else(Error::internal)
}

fn failed(error: &CertificateError) -> Error {
    match error {
        CertificateError::Pair(error) => {
            let mut words = error.to_string();
            if let Some(first) = words.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            let hint = "Correct the certificate or its key and try again; the one in force has not changed.";
            Error::new(Code::InvalidCertificate, format!("{words}."), hint)
        }
        CertificateError::File { .. } | CertificateError::Half | CertificateError::Make(_) => Error::new(
            Code::FileError,
            format!("The certificate cannot be used: {error}."),
            "Check the files and that you may write to the data folder, then try again.",
        ),
    }
}
