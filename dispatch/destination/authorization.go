package destination

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// authorization is one state of a connection, made ready for calls. It never changes.
type authorization struct {
	id, revision uint64
	// unusable says why there can be no call.
	unusable error
	// header are the connection's and, but for OAuth, the one that authorizes; hidden those whose values are not shown.
	header http.Header
	hidden map[string]bool
	query  []pair
	body   []Parameter
	// tokens is where they come from, for OAuth; nil for another kind.
	tokens *source
	// secrets are all that there are but the tokens.
	secrets []string
	masks   *masks
}

// missing is the authorization of a connection that is not there.
func missing(name string) *authorization {
	return &authorization{
		unusable: fmt.Errorf("the connection %s does not exist", name), masks: newMasks(),
	}
}

// newAuthorization makes a connection ready. others are secrets that are not the connection's.
func newAuthorization(e *catalog.Entry[Connection], others ...string) *authorization {
	c := &e.Value
	a := &authorization{
		id: e.ID, revision: e.Revision, header: http.Header{}, hidden: map[string]bool{}, body: c.Parameters.Body,
		secrets: append(c.Parameters.secrets(), others...),
	}
	for i := range c.Parameters.Header {
		if p := &c.Parameters.Header[i]; !ReservedHeader(p.Key) {
			name := http.CanonicalHeaderKey(p.Key)
			a.header[name] = []string{p.Value}
			a.hidden[name] = a.hidden[name] || p.Secret
		}
	}
	for i := range c.Parameters.Query {
		p := &c.Parameters.Query[i]
		a.query = append(a.query, pair{p.Key, p.Value, p.Secret})
	}
	switch c.Authorization {
	case Basic:
		value := basic(c.Username, c.Password)
		a.authorize("Authorization", value)
		a.secrets = append(a.secrets, c.Password, strings.TrimPrefix(value, "Basic "))
	case APIKey:
		a.authorize(http.CanonicalHeaderKey(c.KeyName), c.KeyValue)
		a.secrets = append(a.secrets, c.KeyValue)
	case OAuth:
		a.hidden["Authorization"] = true
		if c.Token == nil {
			a.unusable = fmt.Errorf("the connection %s does not say where tokens come from", e.Name.Name)
			break
		}
		a.tokens = sourceOf(e.ID, c, e.Owner != "")
		a.secrets = append(a.secrets, c.Token.secrets()...)
	default:
		a.unusable = fmt.Errorf("the connection %s does not say how it authorizes", e.Name.Name)
	}
	if !c.usable() {
		a.unusable = fmt.Errorf("the connection %s is %s", e.Name.Name, c.State)
	}
	a.masks = newMasks(a.secrets...)
	return a
}

func (a *authorization) authorize(name, value string) {
	a.header[name], a.hidden[name] = []string{value}, true
}
