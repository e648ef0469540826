package signing

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Table is the catalog table that holds the [Key].
const Table = "signing"

// Versions of signatures, as SNS numbers them.
const (
	SHA1   = 1
	SHA256 = 2
)

// The path of the certificate is pathPrefix, a digest of it, and pathSuffix, as on AWS.
const (
	pathPrefix = "/SimpleNotificationService-"
	pathSuffix = ".pem"
)

// ErrNoCertificate says that no certificate has that path.
var ErrNoCertificate = errors.New("no such certificate")

// Signer signs by the key in a catalog. All methods may be called concurrently, and none holds a lock while it signs.
type Signer struct {
	definitions *catalog.Catalog
	keys        *catalog.Table[Key]
	key         atomic.Pointer[loaded]
	// making is held, by a send, while the key is looked for or made, so that this process does it once.
	making chan struct{}
}

// New returns a signer. It starts nothing, and makes no key before one is needed.
func New(definitions *catalog.Catalog) *Signer {
	return &Signer{definitions: definitions, keys: catalog.NewTable[Key](definitions, Table), making: make(chan struct{}, 1)}
}

// Name is that of the one record in [Table]; it is nobody's account.
func Name() catalog.Name { return catalog.Name{Account: "-", Region: "-", Name: "key"} }

// Sign returns the signature of a text in base64. The version is SHA1 or SHA256; zero means SHA1.
func (s *Signer) Sign(ctx context.Context, version int, text []byte) (string, error) {
	key, err := s.load(ctx)
	if err != nil {
		return "", err
	}
	hash, digest := crypto.SHA1, []byte(nil)
	if version == SHA256 {
		sum := sha256.Sum256(text)
		hash, digest = crypto.SHA256, sum[:]
	} else {
		sum := sha1.Sum(text) // what version 1 is
		digest = sum[:]
	}
	signature, err := rsa.SignPKCS1v15(nil, key.private, hash, digest)
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// Path returns the path of the URL at which the certificate is to be served.
func (s *Signer) Path(ctx context.Context) (string, error) {
	key, err := s.load(ctx)
	if err != nil {
		return "", err
	}
	return key.path, nil
}

// Certificate returns the certificate at a path, as PEM. It makes none: it fails with [ErrNoCertificate]. The bytes are shared.
func (s *Signer) Certificate(ctx context.Context, path string) ([]byte, error) {
	if !strings.HasPrefix(path, pathPrefix) || !strings.HasSuffix(path, pathSuffix) {
		return nil, ErrNoCertificate
	}
	if _, ok, err := s.definitions.Find(ctx, Table, Name()); err != nil || !ok {
		return nil, errors.Join(ErrNoCertificate, err)
	}
	key, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	if key.path != path {
		return nil, ErrNoCertificate
	}
	return key.pem, nil
}

// load returns the key, which is made if there is none.
func (s *Signer) load(ctx context.Context) (*loaded, error) {
	if key := s.key.Load(); key != nil {
		return key, nil
	}
	select {
	case s.making <- struct{}{}:
		defer func() { <-s.making }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if key := s.key.Load(); key != nil {
		return key, nil
	}
	entry, err := s.keys.Get(Name())
	if errors.Is(err, catalog.ErrNotFound) {
		fresh, failed := NewKey(time.Now())
		if failed != nil {
			return nil, failed
		}
		// Not the caller's context: others wait for the same.
		entry, err = s.keys.Create(context.WithoutCancel(ctx), Name(), fresh)
		if errors.Is(err, catalog.ErrExists) { // another node was first
			entry, err = s.keys.Get(Name())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the signing key: %w", err)
	}
	key, err := entry.Value.load()
	if err != nil {
		return nil, err
	}
	s.key.Store(key)
	return key, nil
}
