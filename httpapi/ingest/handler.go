package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/httpapi/body"
)

// PathPrefix is where the webhooks are.
const PathPrefix = "/hooks/"

// DefaultMaxBody is the largest body taken in by default, in bytes: 1.25 MiB, as everywhere in the
// native API.
const DefaultMaxBody = 5 << 18

// PublishedEvent is what became of a published delivery.
type PublishedEvent struct {
	// ID is the event's; that of the first one when Duplicate is set.
	ID string
	// Matched names the rules that matched. May be nil.
	Matched []string
	// Duplicate says that an event with the same token was published within the window, and nothing
	// was published now. ID and Matched are then what the first call answered.
	Duplicate bool
}

// Publisher takes events to the bus.
type Publisher interface {
	// PublishHook publishes ev on the bus and returns after it is durable; on error nothing may be
	// taken as published. ev comes without ID, Account and Region, which the publisher gives it, and
	// is the publisher's to keep.
	//
	// A dedupToken that is not empty makes the call idempotent for the window: the same token
	// again is a duplicate, although ev then has another Time. It is at most 256 bytes and different
	// for different sources.
	PublishHook(ctx context.Context, bus string, ev event.Event, dedupToken string, window time.Duration) (PublishedEvent, error)
}

// Config is what is optional about a [Handler]. The zero value is usable.
type Config struct {
	// MaxBody is the largest body in bytes; 0 is [DefaultMaxBody].
	MaxBody int64

	// WriteError answers a request with an error: one that [ProblemOf] knows, or the publisher's.
	// nil is [WriteError]. Headers that belong to the status (Allow, WWW-Authenticate, Retry-After and
	// Connection of what ProblemOf knows) are set before it is called.
	WriteError func(http.ResponseWriter, *http.Request, error)

	// Observe is told how each request ended, for metrics: the source's name, "" for one that does
	// not exist, and "published", "duplicate", "challenge", the Code of a problem, or "error". It may
	// be called concurrently. nil is nobody.
	Observe func(source, outcome string)
}

// Handler is the endpoint POST /hooks/{source}. It is safe for concurrent use.
//
// It answers 200 with {"id","matched","duplicate"} after the event is durable; a handshake of the
// provider (Slack's url_verification) is answered with its challenge and nothing is published.
// GitHub's ping is published like any event.
type Handler struct {
	lookup    func(name string) (Source, bool)
	publisher Publisher
	config    Config
}

// New makes a Handler. lookup returns the source of a name as it is now; it is called for every
// request, concurrently, so a change of the definitions holds from the next request on.
func New(lookup func(name string) (Source, bool), publisher Publisher, config Config) *Handler {
	if config.MaxBody <= 0 {
		config.MaxBody = DefaultMaxBody
	}
	if config.WriteError == nil {
		config.WriteError = WriteError
	}
	if config.Observe == nil {
		config.Observe = func(string, string) {}
	}
	return &Handler{lookup: lookup, publisher: publisher, config: config}
}

// answer is the body of a 200.
type answer struct {
	ID        string   `json:"id"`
	Matched   []string `json:"matched"`
	Duplicate bool     `json:"duplicate"`
}

// ServeHTTP takes the name of the source from the path, which is PathPrefix and the name. A router
// in front may match as it likes, but has to leave the path as it was.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	source, err := h.source(w, r)
	if err != nil {
		h.fail(w, r, "", err)
		return
	}
	delivery, err := h.receive(r, &source)
	if err == nil && delivery.Challenge != "" {
		h.config.Observe(source.Name, "challenge")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = io.WriteString(w, delivery.Challenge) // as in writeJSON
		return
	}
	var published PublishedEvent
	if err == nil {
		published, err = h.publish(r.Context(), &source, delivery)
	}
	if err != nil {
		h.fail(w, r, source.Name, err)
		return
	}
	h.succeed(w, source.Name, published)
}

func (h *Handler) succeed(w http.ResponseWriter, source string, p PublishedEvent) {
	outcome := "published"
	if p.Duplicate {
		outcome = "duplicate"
	}
	h.config.Observe(source, outcome)
	if p.Matched == nil {
		p.Matched = []string{}
	}
	writeJSON(w, "application/json", http.StatusOK, answer(p))
}

// receive reads the body and verifies it.
func (h *Handler) receive(r *http.Request, source *Source) (Delivery, error) {
	data, err := h.readBody(r)
	if err != nil {
		return Delivery{}, err
	}
	return source.Verify(time.Now(), r.Header, data)
}

func (h *Handler) source(w http.ResponseWriter, r *http.Request) (Source, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return Source{}, fmt.Errorf("%w: this was %s", ErrMethod, clip(r.Method))
	}
	name, ok := strings.CutPrefix(r.URL.Path, PathPrefix)
	if ok && validName(name) {
		if source, ok := h.lookup(name); ok {
			source.Name = name
			return source, nil
		}
	}
	return Source{}, fmt.Errorf("%w: %q is not declared under webhooks", ErrUnknownSource, clip(name))
}

// readBody reads the whole body, in time.
func (h *Handler) readBody(r *http.Request) ([]byte, error) {
	data, err := body.Read(r, h.config.MaxBody)
	switch {
	case errors.Is(err, body.ErrTooLarge):
		return nil, fmt.Errorf("%w: the limit is %d bytes", ErrTooLarge, h.config.MaxBody)
	case errors.Is(err, body.ErrBroken):
		return nil, malformed("the body could not be read to its end")
	}
	return data, err
}

func (h *Handler) publish(ctx context.Context, source *Source, d Delivery) (PublishedEvent, error) {
	if size := d.Event.Size(); size > event.MaxSize {
		return PublishedEvent{}, fmt.Errorf("%w: it has %d bytes, the limit is %d", event.ErrTooLarge, size, event.MaxSize)
	}
	token, window := source.DedupToken(d.ID), source.Dedup.Std()
	if token == "" {
		window = 0
	}
	return h.publisher.PublishHook(ctx, source.BusName(), d.Event, token, window)
}

// DedupToken is the token by which a delivery with that id is published: "" when the source does not
// deduplicate or there is no id, else "hook/<name>/" and the id, or its SHA-256 where it is long.
func (s *Source) DedupToken(id string) string {
	if s.Dedup <= 0 || id == "" {
		return ""
	}
	const longest = 128
	if len(id) > longest {
		sum := sha256.Sum256([]byte(id))
		id = "sha256:" + hex.EncodeToString(sum[:])
	}
	return "hook/" + s.Name + "/" + id
}

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, source string, err error) {
	outcome, rest := "error", false
	if p, ok := ProblemOf(err); ok {
		outcome = p.Code
		if p.Status == http.StatusUnauthorized {
			// RFC 9110 15.5.2 demands a challenge; no registered scheme fits.
			w.Header().Set("WWW-Authenticate", "Webhook-Signature")
		}
		if errors.Is(err, body.ErrOverloaded) {
			w.Header().Set("Retry-After", "1")
		}
		if rest = errors.Is(err, ErrTooLarge) || body.CloseConnection(err); rest {
			w.Header().Set("Connection", "close") // the rest of the body is not worth waiting for
		}
	}
	h.config.Observe(source, outcome)
	h.config.WriteError(w, r, err)
	if rest && !errors.Is(err, body.ErrSlow) { // who has stopped sending is not in the midst of it
		body.Linger(w, r)
	}
}
