package ingest

import (
	"errors"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
)

// Limits and defaults of a [Source].
const (
	DefaultBus       = "default"
	DefaultTolerance = 5 * time.Minute

	// MaxTolerance keeps a source from accepting what was recorded long ago.
	MaxTolerance = 24 * time.Hour
	// MaxDedup is the longest window of an idempotency token.
	MaxDedup = 7 * duration.Day
	// MaxNameLength bounds a source's name, in bytes.
	MaxNameLength = 64
)

// Secret is what a provider signs with, as its settings page shows it. It prints as stars, so that it
// does not get into logs by accident; string(s) is the whole, and so is what JSON and YAML encoders
// write.
type Secret string

// String is stars, or nothing for no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString is String.
func (s Secret) GoString() string { return s.String() }

// Source is the definition of one webhook source. It is plain data: copies share Secrets and HMAC,
// which nobody changes.
type Source struct {
	// Name is the last part of the URL: POST /hooks/{name}. 1 to 64 letters, digits, dots, hyphens
	// and underscores, beginning with a letter or digit. In YAML it is the key of the source.
	Name string `json:"name,omitempty" yaml:"-"`

	// Scheme is how deliveries are verified and read ("verify" in YAML). Required; [None] has to be
	// written out.
	Scheme Scheme `json:"verify" yaml:"verify"`

	// Secrets are the secrets in force. A delivery signed with any one of them is accepted, which is
	// how a secret is rotated without a gap: add the new one, change it at the provider, remove the
	// old one. At least one, except with [None], where there must be none.
	//
	// [StandardWebhooks] takes whsec_… (HMAC) and whpk_… (ed25519) keys, the rest decoded as base64.
	// [Stripe] uses the text of its whsec_… secret as it is. All others use the text as it is, but
	// for hmac.key_encoding.
	Secrets []Secret `json:"secrets,omitempty" yaml:"secrets,omitempty"`

	// Dedup is for how long a delivery with the same id (see the package comment) is answered as a
	// duplicate and not published again. 0, the default, is off; at most 7 days.
	Dedup duration.Duration `json:"dedup,omitempty" yaml:"dedup,omitempty"`

	// Bus is the event bus deliveries are published on; "" is [DefaultBus].
	Bus string `json:"bus,omitempty" yaml:"bus,omitempty"`

	// Tolerance is how far the signed time may be from now, past or future, in the schemes that sign
	// one: [Stripe], [Slack], [StandardWebhooks], and [HMAC] with a timestamp header. 0 is
	// [DefaultTolerance]; at most 24 hours. There is no way to switch it off.
	Tolerance duration.Duration `json:"tolerance,omitempty" yaml:"tolerance,omitempty"`

	// Type, Subject, EventSource and ID say what the event's type, subject and source and the id of
	// the delivery are, as templates (see the user documentation): literal text with the
	// placeholders {name}, {header:X-Name} and {json:$.path}. They are for [HMAC], [None] and, but
	// for ID, [StandardWebhooks]; the other schemes have a mapping of their own. A template with a
	// placeholder that has no value in a delivery counts as not given for it: the type is then
	// "webhook.<name>", the source "webhook/<name>", subject and id are empty.
	Type        string `json:"type,omitempty" yaml:"type,omitempty"`
	Subject     string `json:"subject,omitempty" yaml:"subject,omitempty"`
	EventSource string `json:"source,omitempty" yaml:"source,omitempty"`
	ID          string `json:"id,omitempty" yaml:"id,omitempty"`

	// HMAC describes the signature of the scheme [HMAC]; it must be nil for all others.
	HMAC *Signature `json:"hmac,omitempty" yaml:"hmac,omitempty"`
}

// BusName is the bus with its default.
func (s *Source) BusName() string {
	if s.Bus == "" {
		return DefaultBus
	}
	return s.Bus
}

// tolerance is the tolerance with its default.
func (s *Source) tolerance() time.Duration {
	if s.Tolerance == 0 {
		return DefaultTolerance
	}
	return s.Tolerance.Std()
}

// Validate checks the definition, all of it: the error joins an *[InvalidError] for each fault. That
// the bus exists is not checked here.
func (s *Source) Validate() error {
	var p problems
	if !validName(s.Name) {
		p.add("name", "must be 1 to %d letters, digits, dots, hyphens and underscores, beginning with a letter or digit", MaxNameLength)
	}
	rules, ok := s.Scheme.rules()
	if !ok {
		p.add("verify", "must be one of %s", schemeList())
		return errors.Join(p...)
	}
	s.checkSecrets(&p, rules)
	if s.Dedup < 0 || s.Dedup.Std() > MaxDedup {
		p.add("dedup", "must be between 0 and 7d")
	}
	if s.Tolerance < 0 || s.Tolerance.Std() > MaxTolerance {
		p.add("tolerance", "must be between 0 (which means 5m) and 24h")
	}
	if s.Tolerance > 0 && !rules.timed && !(s.HMAC != nil && s.HMAC.TimestampHeader != "") {
		p.add("tolerance", "is of no use: verify: %s signs no time here", s.Scheme)
	}
	s.checkTemplates(&p, rules)
	if s.Scheme != HMAC && s.HMAC != nil {
		p.add("hmac", "is only for verify: hmac")
	}
	if s.Scheme == HMAC {
		s.HMAC.check(&p, s)
	}
	return errors.Join(p...)
}

func (s *Source) checkSecrets(p *problems, rules rules) {
	if !rules.signed {
		if len(s.Secrets) > 0 {
			p.add("secrets", "must be empty: verify: %s checks no signature", s.Scheme)
		}
		return
	}
	if len(s.Secrets) == 0 {
		p.add("secrets", "needs at least one secret")
	}
	for i, secret := range s.Secrets {
		field := "secrets[" + itoa(i) + "]"
		switch reason := rules.secretFault(s, secret); {
		case secret == "":
			p.add(field, "must not be empty")
		case reason != "":
			p.add(field, "%s", reason)
		case slices.Contains(s.Secrets[:i], secret):
			p.add(field, "is given twice")
		}
	}
}

func (s *Source) checkTemplates(p *problems, rules rules) {
	for _, t := range [...]struct{ field, text string }{
		{"type", s.Type}, {"subject", s.Subject}, {"source", s.EventSource}, {"id", s.ID},
	} {
		if t.text == "" {
			continue
		}
		if !rules.templates || t.field == "id" && rules.ownID {
			p.add(t.field, "can not be set: verify: %s says what it is", s.Scheme)
			continue
		}
		if _, err := parseTemplate(t.text, attributePlaceholders); err != nil {
			p.add(t.field, "%s", err)
		}
	}
	if s.Dedup > 0 && !rules.ownID && s.ID == "" {
		p.add("dedup", "needs an id, such as id: \"{header:X-Request-Id}\" or id: \"{json:$.id}\"")
	}
}

func validName(name string) bool {
	if name == "" || len(name) > MaxNameLength {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '.' || c == '-' || c == '_'):
		default:
			return false
		}
	}
	return true
}
