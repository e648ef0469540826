// Package awstest is what the tests of the AWS services have in common: a real store in memory behind the handler of the
// protocols, a client that speaks them as SDKs do and checks of every answer what holds for all, golden files, comparisons with
// the services' models, and the reference in docs/. It knows no service.
package awstest
