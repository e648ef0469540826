package ingest

import (
	"errors"
	"fmt"
)

// What a request to a webhook can be refused with. Errors wrap one of these and say which header or
// member is concerned; they never hold a secret or the signature that would have been right.
var (
	// ErrUnknownSource says that no webhook source has that name.
	ErrUnknownSource = errors.New("unknown webhook source")
	// ErrMethod says that the request was not a POST.
	ErrMethod = errors.New("webhooks are taken by POST only")
	// ErrSignatureMissing says that a header the scheme signs with, or its timestamp, is not there.
	ErrSignatureMissing = errors.New("the signature is missing")
	// ErrSignatureInvalid says that no signature of the request was made with one of the secrets over
	// the bytes that arrived, or that the signature is not in the form of the scheme.
	ErrSignatureInvalid = errors.New("the signature is not valid")
	// ErrTimestampStale says that the signature is right and its time too far from now, in the past
	// or in the future.
	ErrTimestampStale = errors.New("the timestamp is outside the tolerance")
	// ErrMalformed says that the request is authentic and no event can be made of it, or that its
	// body broke off.
	ErrMalformed = errors.New("the delivery is malformed")
	// ErrContentEncoding says that the body is compressed, which no signature scheme here defines.
	ErrContentEncoding = errors.New("the content encoding is not supported")
	// ErrTooLarge says that the body is larger than [Config.MaxBody].
	ErrTooLarge = errors.New("the body is too large")
)

// InvalidError says which field of a [Source] is wrong and why. Field is the path as in the YAML
// file, relative to the source: "secrets[1]", "hmac.header". Reason continues a sentence that begins
// with the field, and never contains a secret.
type InvalidError struct {
	Field  string
	Reason string
}

func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

// problems collects every InvalidError of a source.
type problems []error

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)})
}

func missing(header string) error {
	return fmt.Errorf("%w: there is no %s header", ErrSignatureMissing, header)
}

func invalidSignature(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrSignatureInvalid, fmt.Sprintf(format, args...))
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}
