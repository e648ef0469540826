package topic

import (
	"context"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"
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

// sign signs the messages of a commit that need it, as many at once as there are processors. A single one is signed when it is
// first needed.
func (c *commit) sign(ctx context.Context, all []outgoing) error {
	if len(all) < 2 || c.topic.def.FIFO {
		return nil
	}
	var signing errgroup.Group
	signing.SetLimit(runtime.GOMAXPROCS(0))
	for i := range all {
		if protocols := all[i].signedFor(); len(protocols) > 0 {
			signing.Go(func() error {
				for _, protocol := range protocols {
					if _, err := all[i].signature(ctx, all[i].rendition(protocol), protocol); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	return signing.Wait()
}

// signedFor returns the protocols of the subscriptions that get the message in a signed form.
func (o *outgoing) signedFor() []string {
	var all []string
	for _, s := range o.matched {
		protocol := s.protocol()
		signed := o.signs(protocol) && (s.asSNS || s.kind != KindFunction && !s.raw)
		if signed && !slices.Contains(all, protocol) {
			all = append(all, protocol)
		}
	}
	return all
}

// Certificate returns, as PEM, the certificate of the signatures that has a URL of that path, such as
// "/SimpleNotificationService-….pem". It fails with signing.ErrNoCertificate.
func (t *Topics) Certificate(ctx context.Context, path string) ([]byte, error) {
	return t.signer.Certificate(ctx, path)
}
