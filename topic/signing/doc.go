// Package signing signs what topics deliver, as SNS does: RSA with PKCS #1 v1.5 over SHA-1 or SHA-256, by a key whose
// certificate is served at a URL that is in each message.
//
// Key and certificate are one record of the catalog. Whoever needs it first makes it; all nodes share it, so that what one of
// them signed is verified by the certificate that another one serves. The certificate is self-signed: a verifier trusts the
// place that it was fetched from.
package signing
