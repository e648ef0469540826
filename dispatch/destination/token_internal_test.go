package destination

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

func TestReadGrant(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body, header string
		life         time.Duration
		err          string
	}{
		{`{"access_token":"abc","token_type":"Bearer","expires_in":3600}`, "Bearer abc", time.Hour, ""},
		{`{"access_token":"abc","token_type":"bearer","expires_in":"3600"}`, "Bearer abc", time.Hour, ""},
		{`{"access_token":"abc"}`, "Bearer abc", assumedLife, ""},
		{`{"access_token":"abc","token_type":"","expires_in":null}`, "Bearer abc", assumedLife, ""},
		{`{"access_token":"abc","expires_in":0}`, "Bearer abc", leastLife, ""},
		{`{"access_token":"abc","expires_in":-5}`, "Bearer abc", leastLife, ""},
		{`{"access_token":"abc","expires_in":1e400}`, "Bearer abc", mostLife, ""},
		{`{"access_token":"abc","expires_in":-1e400}`, "Bearer abc", leastLife, ""},
		{`{"access_token":"abc","expires_in":99999999999999999999}`, "Bearer abc", mostLife, ""},
		{`{"access_token":"abc","expires_in":1.5}`, "Bearer abc", 1500 * time.Millisecond, ""},
		{`{"access_token":"abc","expires_in":"NaN"}`, "Bearer abc", assumedLife, ""},
		{`{"access_token":"abc","expires_in":"soon"}`, "Bearer abc", assumedLife, ""},
		{`{"access_token":"abc","expires_in":{"a":1}}`, "Bearer abc", assumedLife, ""},
		{`{"access_token":"abc","token_type":"MAC"}`, "MAC abc", assumedLife, ""},
		{`{"access_token":"\u00fc~!\"x","token_type":"DPoP"}`, `DPoP ü~!"x`, assumedLife, ""},
		{`{"access_token":"a b"}`, "Bearer a b", assumedLife, ""},
		{`{"access_token":"abc","token_type":"two words"}`, "", 0, "its answer has a token_type that is none"},
		{`{"access_token":"abc","token_type":1}`, "", 0, "its answer has a token_type that is none"},
		{`{"access_token":"secret\nX-Injected: 1"}`, "", 0, "its answer has an access_token with characters that can not be in a header"},
		{`{"access_token":"secret\u0000"}`, "", 0, "its answer has an access_token with characters that can not be in a header"},
		{`{"access_token":" secret"}`, "", 0, "its answer has an access_token with characters that can not be in a header"},
		{`{"access_token":""}`, "", 0, "its answer has no access_token"},
		{`{"access_token":null}`, "", 0, "its answer has no access_token"},
		{`{"access_token":12}`, "", 0, "its answer has an access_token that is no text"},
		{`{"access_token":"` + strings.Repeat("x", maxToken+1) + `"}`, "", 0, "its answer has an access_token that is too long"},
		{`{}`, "", 0, "its answer has no access_token"},
		{`[]`, "", 0, "its answer is no JSON object"},
		{`access_token=abc&token_type=bearer`, "", 0, "its answer is no JSON object"},
		{`<html>`, "", 0, "its answer is no JSON object"},
		{``, "", 0, "its answer is no JSON object"},
		{`{"access_token":"abc"} trailing`, "", 0, "its answer is no JSON object"},
	} {
		g, err := readGrant([]byte(c.body))
		told := ""
		if err != nil {
			told = err.Error()
		}
		if g.header != c.header || told != c.err || (err == nil && g.life != c.life) {
			t.Errorf("%.80s: %q %s %q; want %q %s %q", c.body, g.header, g.life, told, c.header, c.life, c.err)
		}
	}
}

func FuzzReadGrant(f *testing.F) {
	f.Add([]byte(`{"access_token":"abc","token_type":"Bearer","expires_in":3600}`))
	f.Add([]byte(`{"access_token":"a\u0085b","expires_in":"1e999"}`))
	f.Add([]byte(`{"access_token":"\ud800","token_type":null,"expires_in":-0.1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		g, err := readGrant(body)
		if err != nil {
			if len(err.Error()) > 100 {
				t.Fatalf("the error tells too much: %s", err)
			}
			return
		}
		if g.life < leastLife || g.life > mostLife || g.secret == "" || !strings.HasSuffix(g.header, " "+g.secret) || hasControls(g.header, false) {
			t.Fatalf("%+v", g)
		}
		at := time.Unix(0, 0)
		if tok := newToken(g, at); !tok.refresh.After(at) || tok.expiry.Before(tok.refresh) || tok.expiry.After(at.Add(g.life)) {
			t.Fatalf("%+v", tok)
		}
	})
}

func TestTokenRequest(t *testing.T) {
	t.Parallel()
	source := func(change func(*TokenSource)) *TokenSource {
		s := &TokenSource{Endpoint: "https://auth.test/token?tenant=7", Method: "POST", ClientID: "me:you", ClientSecret: "s3cret+/="}
		if change != nil {
			change(s)
		}
		return s
	}
	const basicAuth = "Basic bWUlM0F5b3U6czNjcmV0JTJCJTJGJTNE"
	for name, c := range map[string]struct {
		source                       *TokenSource
		method, url, body, authorize string
		header                       map[string]string
	}{
		"POST": {source(nil), "POST", "https://auth.test/token?tenant=7", "grant_type=client_credentials", basicAuth, nil},
		"PUT": {
			source(func(s *TokenSource) {
				s.Method = "PUT"
				s.Parameters.Body = []Parameter{{Key: "scope", Value: "a b"}, {Key: "audience", Value: "x&y"}}
			}), "PUT", "https://auth.test/token?tenant=7", "audience=x%26y&grant_type=client_credentials&scope=a+b", basicAuth, nil,
		},
		"GET": {
			source(func(s *TokenSource) {
				s.Method = "GET"
				s.Parameters.Body = []Parameter{{Key: "scope", Value: "a b"}}
				s.Parameters.Query = []Parameter{{Key: "tenant", Value: "8"}}
			}), "GET", "https://auth.test/token?tenant=8&grant_type=client_credentials&scope=a+b", "", basicAuth, nil,
		},
		"client in the body": {
			source(func(s *TokenSource) {
				s.Parameters.Body = []Parameter{{Key: "client_id", Value: "me"}, {Key: "client_secret", Value: "x", Secret: true}, {Key: "grant_type", Value: "password"}}
			}), "POST", "https://auth.test/token?tenant=7", "client_id=me&client_secret=x&grant_type=password", "", nil,
		},
		"client in the query": {
			source(func(s *TokenSource) { s.Parameters.Query = []Parameter{{Key: "client_secret", Value: "x"}} }),
			"POST", "https://auth.test/token?tenant=7&client_secret=x", "grant_type=client_credentials", "", nil,
		},
		"headers": {
			source(func(s *TokenSource) {
				s.Parameters.Header = []Parameter{{Key: "authorization", Value: "Key 1"}, {Key: "X-Tenant", Value: "t"}, {Key: "Host", Value: "no"}}
			}), "POST", "https://auth.test/token?tenant=7", "grant_type=client_credentials", "Key 1", map[string]string{"X-Tenant": "t", "Host": ""},
		},
	} {
		r, err := c.source.request(true)
		if err != nil {
			t.Fatal(err)
		}
		if r.Method != c.method || r.URL != c.url || string(r.Body) != c.body || r.Header.Get("Authorization") != c.authorize || !r.Managed ||
			r.Timeout != 5*time.Second || r.ContentType != "application/x-www-form-urlencoded" {
			t.Errorf("%s: %s %s %q %q %+v", name, r.Method, r.URL, r.Body, r.Header.Get("Authorization"), r)
		}
		for k, v := range c.header {
			if r.Header.Get(k) != v {
				t.Errorf("%s: %s is %q", name, k, r.Header.Get(k))
			}
		}
	}
}

func TestAddQuery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		query       string
		pairs       []pair
		sent, shown string
	}{
		{"", nil, "", ""},
		{"a=1&&b;=%zz", nil, "a=1&&b;=%zz", "a=1&&b;=%zz"},
		{"", []pair{{"k", "v", false}}, "k=v", "k=v"},
		{"sig=%2B+x&k=old&k=older&%6B=3", []pair{{"k", "a b", true}}, "sig=%2B+x&k=a+b", "sig=%2B+x&k=***"},
		{"a=1", []pair{{"ü&", "=", false}, {"z", "1", true}, {"z", "2", true}}, "a=1&%C3%BC%26=%3D&z=1&z=2", "a=1&%C3%BC%26=%3D&z=***&z=***"},
	} {
		sent, shown := addQuery(c.query, c.pairs)
		if sent != c.sent || shown != c.shown {
			t.Errorf("%s: %s, shown %s", c.query, sent, shown)
		}
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	two := []Parameter{{Key: "key", Value: "va\"l<ue"}, {Key: "b", Value: "2"}}
	for _, c := range []struct {
		body string
		with []Parameter
		want string
	}{
		{`{"a": 1}`, nil, `{"a": 1}`},
		{`{"a": 1.50, "b": [1, 2], "c": {"b": 1}}`, two, `{"a":1.50,"c":{"b": 1},"key":"va\"l<ue","b":"2"}`},
		{``, two, `{"key":"va\"l<ue","b":"2"}`},
		{" {} ", two, `{"key":"va\"l<ue","b":"2"}`},
		{`{"x":"\u003c","n":12345678901234567890}`, []Parameter{{Key: "k", Value: "1"}, {Key: "k", Value: "2"}}, `{"x":"\u003c","n":12345678901234567890,"k":"2"}`},
		{`[1]`, two, `[1]`},
		{`"text"`, two, `"text"`},
		{`plain`, two, `plain`},
		{`{"a":1} {"b":2}`, two, `{"a":1} {"b":2}`},
		{`{"a":`, two, `{"a":`},
		{`{"\u0062":1,"b":3,"a":2}`, two, `{"a":2,"key":"va\"l<ue","b":"2"}`},
	} {
		if got := string(merge([]byte(c.body), c.with)); got != c.want {
			t.Errorf("%s: %s, want %s", c.body, got, c.want)
		}
	}
}

func TestMasks(t *testing.T) {
	t.Parallel()
	m := newMasks("p<ss w\"rd", "abc", "longer-secret", "longer")
	for text, want := range map[string]string{
		`you sent p<ss w"rd`:                `you sent ***`,
		`{"echo":"p<ss w\"rd"}`:             `{"echo":"***"}`,
		`{"echo":"p\u003css w\"rd"}`:        `{"echo":"***"}`,
		`q=p%3Css+w%22rd&r=p%3Css%20w%22rd`: `q=***&r=***`,
		`abc is too short to be looked for`: `abc is too short to be looked for`,
		`longer-secretlonger`:               `******`,
	} {
		if got := m.text(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	// Of an answer that was cut off: within a secret, within one that begins as another ends, and right behind one.
	ends := newMasks("longer-secret", "secret-too", "againagain", "longer")
	for text, want := range map[string]string{
		"cut off in a longer-sec":       "cut off in a ***",
		"cut off in a longer-secret":    "cut off in a ***",
		"cut off in a secret-to":        "cut off in a ***",
		"cut off in a longer-secret-to": "cut off in a ***",
		"cut off behind againagain":     "cut off behind ***",
		"twice, againagainagai":         "twice, ***",
		"cut off in a lon":              "cut off in a lon",
	} {
		r := endpoint.Result{Body: []byte(text), Truncated: true}
		if ends.result(&r); string(r.Body) != want {
			t.Errorf("%s: %s", text, r.Body)
		}
	}
	if got := newMasks().text("abcd"); got != "abcd" {
		t.Error(got)
	}
}

func TestReserved(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"host": true, "USER-AGENT": true, "range": true, "accept-encoding": true, "connection": true, "proxy-authorization": true,
		"content-length": true, "authorization": false, "content-type": false, "accept": false, "cookie": false,
	} {
		if ReservedHeader(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"error":"invalid_client","error_description":"bad secret hunter22"}`: "answered 401 Unauthorized (invalid_client)",
		`{"error":"hunter22"}`:       "answered 401 Unauthorized (***)",
		`{"error":"no such client"}`: "answered 401 Unauthorized",
		`{"error":{"code":1}}`:       "answered 401 Unauthorized",
		`hunter22`:                   "answered 401 Unauthorized",
	} {
		if got := refusal(&endpoint.Result{Status: 401, Class: endpoint.ClassHTTP, Body: []byte(body)}, newMasks("hunter22")); got != want {
			t.Errorf("%s: %s", body, got)
		}
	}
	for location, want := range map[string]string{
		"https://login.example/a?code=fresh-code#access_token=fresh-token": "answered 302 Found to https://login.example/a; redirects are not followed",
		"https://user:fresh-token@login.example/a":                         "answered 302 Found to https://login.example/a; redirects are not followed",
		"%zz?code=fresh-code":                "answered 302 Found; redirects are not followed",
		"/login%20page?x=1":                  "answered 302 Found to /login page; redirects are not followed",
		"https://login.example/hunter?22#33": "answered 302 Found to https://login.example/***; redirects are not followed",
		"/%68unter;44/x":                     "answered 302 Found to /***/x; redirects are not followed",
		"//hunter;44.example/x":              "answered 302 Found to //***.example/x; redirects are not followed",
	} {
		res := &endpoint.Result{Status: 302, Class: endpoint.ClassRedirect, Location: location}
		if got := refusal(res, newMasks("hunter?22#33", "hunter;44")); got != want {
			t.Errorf("%s: %s", location, got)
		}
	}
	// What is long is cut, and a secret in it not in two.
	for at := 480; at < 530; at++ {
		res := &endpoint.Result{Class: endpoint.ClassProtocol, Err: errors.New(strings.Repeat("x", at) + "hunter22")}
		if got := refusal(res, newMasks("hunter22")); strings.Contains(got, "hunt") {
			t.Errorf("at %d: %s", at, got)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	if got, more := decode("br", []byte("x")); got != nil || !more {
		t.Errorf("%q %v", got, more)
	}
	if got, more := decode("gzip", []byte("not gzip")); got != nil || !more {
		t.Errorf("%q %v", got, more)
	}
	text := bytes.Repeat([]byte("0123456789"), 10_000)
	for name, compress := range map[string]func(io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"raw": func(w io.Writer) io.WriteCloser {
			c, _ := flate.NewWriter(w, 1)
			return c
		},
	} {
		var b bytes.Buffer
		w := compress(&b)
		_, _ = w.Write(text[:1000])
		_ = w.Close()
		encoding := strings.Replace(name, "raw", "deflate", 1)
		if got, more := decode(encoding, b.Bytes()); !bytes.Equal(got, text[:1000]) || more {
			t.Errorf("%s: %d bytes, %v", name, len(got), more)
		}
		if got, more := decode(encoding, b.Bytes()[:b.Len()-8]); !bytes.HasPrefix(text, got) || !more {
			t.Errorf("%s, cut off: %d bytes, %v", name, len(got), more)
		}
		b.Reset()
		w = compress(&b)
		_, _ = w.Write(text)
		_ = w.Close()
		if got, more := decode(encoding, b.Bytes()); len(got) != endpoint.MaxResponseBody || !more {
			t.Errorf("%s, a bomb: %d bytes, %v", name, len(got), more)
		}
	}
}
