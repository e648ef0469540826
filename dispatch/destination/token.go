package destination

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

const (
	// tokenTimeout is for a whole call of a token endpoint.
	tokenTimeout = 5 * time.Second
	// maxToken bounds the text of a token.
	maxToken = 16 << 10
	// assumedLife is for a token whose answer does not say how long it is good for, leastLife for one that is said to be over
	// already, and mostLife for one that is said to be good for ever.
	assumedLife = 5 * time.Minute
	leastLife   = time.Second
	mostLife    = 24 * time.Hour
)

// grant is a token as an endpoint gave it.
type grant struct {
	// header is the value of Authorization.
	header string
	// secret is the token itself.
	secret string
	life   time.Duration
}

// readGrant reads the answer of a token endpoint (RFC 6749, 5.1). Its errors quote nothing of it.
func readGrant(body []byte) (grant, error) {
	var answer struct {
		AccessToken json.RawMessage `json:"access_token"`
		TokenType   json.RawMessage `json:"token_type"`
		ExpiresIn   json.RawMessage `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return grant{}, errors.New("its answer is no JSON object")
	}
	var g grant
	switch err := json.Unmarshal(answer.AccessToken, &g.secret); {
	case len(answer.AccessToken) == 0 || string(answer.AccessToken) == "null" || (err == nil && g.secret == ""):
		return grant{}, errors.New("its answer has no access_token")
	case err != nil:
		return grant{}, errors.New("its answer has an access_token that is no text")
	case len(g.secret) > maxToken:
		return grant{}, errors.New("its answer has an access_token that is too long")
	case hasControls(g.secret, false) || strings.TrimSpace(g.secret) != g.secret:
		return grant{}, errors.New("its answer has an access_token with characters that can not be in a header")
	}
	kind := ""
	if len(answer.TokenType) > 0 && string(answer.TokenType) != "null" {
		if json.Unmarshal(answer.TokenType, &kind) != nil || (kind != "" && !isToken(kind)) {
			return grant{}, errors.New("its answer has a token_type that is none")
		}
	}
	if kind == "" || strings.EqualFold(kind, "bearer") {
		kind = "Bearer"
	}
	g.header = kind + " " + g.secret
	g.life = lifeOf(answer.ExpiresIn)
	return g, nil
}

// lifeOf reads expires_in, in seconds: a number, or a text that is one, as some servers write it.
func lifeOf(raw json.RawMessage) time.Duration {
	text := strings.Trim(string(raw), `"`)
	seconds, err := strconv.ParseFloat(text, 64)
	switch {
	case math.IsInf(seconds, 1): // out of range is not wrong
		return mostLife
	case err != nil && !math.IsInf(seconds, -1), math.IsNaN(seconds):
		return assumedLife
	case seconds >= mostLife.Seconds():
		return mostLife
	}
	return max(time.Duration(seconds*float64(time.Second)), leastLife)
}

// basic is the value of Authorization for a user and password.
func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// clientBasic is that of a client, whose ID and secret are encoded as in a form (RFC 6749, 2.3.1).
func (t *TokenSource) clientBasic() string {
	return basic(url.QueryEscape(t.ClientID), url.QueryEscape(t.ClientSecret))
}

// request asks for a token: with a form as the body, or, by GET, in the query. The client identifies itself by basic authentication,
// unless parameters do that: a header Authorization, or client_id or client_secret in query or body. Parameters of the body
// replace what the form has by itself, and are in the query by GET.
func (t *TokenSource) request(managed bool) (endpoint.Request, error) {
	u, err := endpoint.ParseURL(t.Endpoint)
	if err != nil {
		return endpoint.Request{}, errors.New("the URL of the token endpoint can not be read")
	}
	to := *u
	form := url.Values{"grant_type": {"client_credentials"}}
	own := false
	for i := range t.Parameters.Body {
		p := &t.Parameters.Body[i]
		form.Set(p.Key, p.Value)
		own = own || p.Key == "client_id" || p.Key == "client_secret"
	}
	var query []pair
	for i := range t.Parameters.Query {
		p := &t.Parameters.Query[i]
		query = append(query, pair{key: p.Key, value: p.Value})
		own = own || p.Key == "client_id" || p.Key == "client_secret"
	}
	r := endpoint.Request{Method: t.Method, Timeout: tokenTimeout, Format: endpoint.FormatRaw, Managed: managed, Header: http.Header{}}
	r.Header.Set("Accept", "application/json")
	r.ContentType = "application/x-www-form-urlencoded"
	if t.Method == http.MethodGet {
		for _, key := range slices.Sorted(maps.Keys(form)) {
			if !hasKey(query, key) {
				query = append(query, pair{key: key, value: form.Get(key)})
			}
		}
	} else {
		r.Body = []byte(form.Encode())
	}
	for i := range t.Parameters.Header {
		if p := &t.Parameters.Header[i]; !ReservedHeader(p.Key) {
			r.Header.Set(p.Key, p.Value)
		}
	}
	if !own && r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", t.clientBasic())
	}
	to.RawQuery, _ = addQuery(to.RawQuery, query)
	r.To(&to)
	return r, nil
}

// secrets are those of a request for a token.
func (t *TokenSource) secrets() []string {
	all := []string{t.ClientSecret, strings.TrimPrefix(t.clientBasic(), "Basic ")}
	return append(all, t.Parameters.secrets()...)
}

func (ps *Parameters) secrets() []string {
	var all []string
	for _, list := range [][]Parameter{ps.Header, ps.Query, ps.Body} {
		for i := range list {
			if list[i].Secret {
				all = append(all, list[i].Value)
			}
		}
	}
	return all
}

// maxCode bounds the error code of RFC 6749, 5.2.
const maxCode = 64

// refusal is the reason why a token endpoint gave no token: its status and the code that its answer has, such as invalid_client.
// What else it says may have anything in it: the query and the fragment of where it redirects to, a token.
func refusal(res *endpoint.Result, m *masks) string {
	told := endpoint.Result{Class: res.Class, Status: res.Status, Err: res.Err}
	// A secret may have what ends the path, or be escaped in another way than the masks know: they look before the path is cut off, and
	// when it is decoded.
	if u, err := url.Parse(m.text(res.Location)); err == nil {
		told.Location = u.Path
		if u.Host != "" {
			told.Location = "//" + u.Host + u.Path
		}
		if u.Scheme != "" {
			told.Location = u.Scheme + ":" + told.Location
		}
	}
	m.result(&told)
	reason := told.Reason()
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	var code string
	if json.Unmarshal(res.Body, &answer) == nil && json.Unmarshal(answer.Error, &code) == nil &&
		code != "" && len(code) <= maxCode && utf8.ValidString(code) && isToken(code) {
		reason += " (" + code + ")"
	}
	return m.text(reason)
}
