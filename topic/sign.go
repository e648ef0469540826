package topic

import (
	"context"
	"strconv"
)

// signature is what a message is signed with.
type signature struct {
	version     string
	text        string // base64
	certificate string // its URL
}

// sign signs what a topic sends, by its version.
func (t *Topics) sign(ctx context.Context, state *topicState, text []byte) (*signature, error) {
	version := max(state.def.SignatureVersion, 1)
	signed, err := t.signer.Sign(ctx, version, text)
	if err != nil {
		return nil, err
	}
	path, err := t.signer.Path(ctx)
	if err != nil {
		return nil, err
	}
	return &signature{version: strconv.Itoa(version), text: signed, certificate: t.publicURL() + path}, nil
}

// Certificate returns, as PEM, the certificate of the signatures that has a URL of that path, such as
// "/SimpleNotificationService-….pem". It fails with signing.ErrNoCertificate.
func (t *Topics) Certificate(ctx context.Context, path string) ([]byte, error) {
	return t.signer.Certificate(ctx, path)
}
