package ingest

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/event"
)

// Scheme is a way of verifying and reading deliveries.
type Scheme string

// The schemes, as they are written in YAML.
const (
	GitHub           Scheme = "github"
	StandardWebhooks Scheme = "standard-webhooks"
	Stripe           Scheme = "stripe"
	Slack            Scheme = "slack"
	Shopify          Scheme = "shopify"
	HMAC             Scheme = "hmac"
	None             Scheme = "none"
)

// Schemes returns every scheme, in the order of the documentation.
func Schemes() []Scheme {
	return []Scheme{GitHub, StandardWebhooks, Stripe, Slack, Shopify, HMAC, None}
}

// rules is what a scheme is made of.
type rules struct {
	signed    bool // it needs secrets
	timed     bool // it always signs a time
	templates bool // type, subject and source may be templates
	ownID     bool // it knows the id of a delivery by itself

	// secretFault says what is wrong with one secret that is not empty, "" for nothing.
	secretFault func(*Source, Secret) string
	// verify checks the signature and its time. It looks at no more of the body than its bytes.
	verify func(*request) error
	// read makes the Delivery of a verified request.
	read func(*request) (Delivery, error)
}

// rules is the table of schemes.
func (s Scheme) rules() (rules, bool) {
	switch s {
	case GitHub:
		return rules{signed: true, ownID: true, secretFault: anySecret, verify: verifyGitHub, read: readGitHub}, true
	case StandardWebhooks:
		return rules{signed: true, timed: true, templates: true, ownID: true, secretFault: standardSecretFault, verify: verifyStandard, read: readStandard}, true
	case Stripe:
		return rules{signed: true, timed: true, ownID: true, secretFault: anySecret, verify: verifyStripe, read: readStripe}, true
	case Slack:
		return rules{signed: true, timed: true, ownID: true, secretFault: anySecret, verify: verifySlack, read: readSlack}, true
	case Shopify:
		return rules{signed: true, ownID: true, secretFault: anySecret, verify: verifyShopify, read: readShopify}, true
	case HMAC:
		return rules{signed: true, templates: true, secretFault: hmacSecretFault, verify: verifyHMAC, read: readGeneric}, true
	case None:
		return rules{templates: true, secretFault: anySecret, verify: verifyNone, read: readGeneric}, true
	}
	return rules{}, false
}

func anySecret(*Source, Secret) string { return "" }

func schemeList() string {
	names := make([]string, 0, 7)
	for _, s := range Schemes() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// request is what a scheme works on.
type request struct {
	source *Source
	now    time.Time
	header http.Header
	body   []byte
}

// Delivery is one verified request.
type Delivery struct {
	// Challenge is what to answer the request with, as text; nothing is to be published then, and
	// the other fields are empty. "" for every delivery that carries an event.
	Challenge string

	// ID is the provider's id of the delivery, the same when it sends the delivery again; "" when
	// there is none. At most 256 bytes of text without control characters.
	ID string

	// Event is the delivery as an event. Its ProducerID is ID, its Time the time of arrival in whole
	// seconds. Its ID, Account and Region are empty: who publishes gives them (event.Intake.Stamp).
	// Its Detail may be a slice of the body that was verified. Its size is not checked.
	Event event.Event
}

// Verify checks a request to the source and makes a [Delivery] of it. It is a pure function: now is
// the time of arrival, header the request's headers in canonical form (as net/http reads them), body
// the raw bytes, which must not change while the Delivery is in use.
//
// The error wraps [ErrSignatureMissing], [ErrSignatureInvalid], [ErrTimestampStale],
// [ErrContentEncoding] or [ErrMalformed]; the last only after the signature proved right. It is
// *[InvalidError] for a source that [Source.Validate] would have refused and that can not be used at
// all.
func (s *Source) Verify(now time.Time, header http.Header, body []byte) (Delivery, error) {
	rules, ok := s.Scheme.rules()
	if !ok {
		return Delivery{}, &InvalidError{Field: "verify", Reason: "must be one of " + schemeList()}
	}
	r := request{source: s, now: now, header: header, body: body}
	if err := rules.verify(&r); err != nil {
		return Delivery{}, err
	}
	if err := r.identity(); err != nil {
		return Delivery{}, err
	}
	return rules.read(&r)
}

func itoa(i int) string { return strconv.Itoa(i) }
