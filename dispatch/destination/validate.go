package destination

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

// Limits of definitions, in characters.
const (
	MaxName        = 64
	MaxDescription = 512
	// MaxText is for user names, passwords, keys, their names, and the keys and values of header and query parameters.
	MaxText = 512
	// MaxBodyText is for the keys and values of body parameters, for which AWS names no limit.
	MaxBodyText   = 8 << 10
	MaxParameters = 100
)

// Methods lists the methods of destinations.
func Methods() []string {
	return []string{"POST", "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"}
}

// TokenMethods lists the methods by which a token is asked for.
func TokenMethods() []string { return []string{"POST", "GET", "PUT"} }

// problems collects every InvalidError of a definition. Their reasons quote no secret.
type problems []error

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)})
}

func (p problems) join() error { return errors.Join(p...) }

func (p *problems) name(name string) {
	switch {
	case name == "":
		p.add("name", "is required")
	case len(name) > MaxName:
		p.add("name", "is %d characters long; the maximum is %d", utf8.RuneCountInString(name), MaxName)
	case !plainName(name):
		p.add("name", "may have only letters, digits and . - _")
	}
}

func plainName(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_')
	})
}

func (p *problems) long(field, text string, most int) {
	if n := utf8.RuneCountInString(text); n > most {
		p.add(field, "is %d characters long; the maximum is %d", n, most)
	}
}

// required is for the texts that authorize.
func (p *problems) required(field, text string) {
	if text == "" {
		p.add(field, "is required")
		return
	}
	p.long(field, text, MaxText)
	if hasControls(text, true) || !utf8.ValidString(text) {
		p.add(field, "has characters that can not be in a header")
	}
}

// url reads a URL.
func (p *problems) url(field, raw string) bool {
	err := endpoint.Guard{}.CheckURL(true, raw)
	if err == nil {
		return true
	}
	told := false
	for _, one := range unjoin(err) {
		if invalid, ok := errors.AsType[*endpoint.InvalidError](one); ok {
			p.add(field, "%s", invalid.Reason)
			told = true
		}
	}
	if !told {
		p.add(field, "can not be called: %s", err)
	}
	return false
}

func unjoin(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// Validate returns nil, or every [*InvalidError] joined, of a destination of that name. It does not look at its connection.
func (d *Destination) Validate(name string) error {
	var p problems
	p.name(name)
	p.long("description", d.Description, MaxDescription)
	if d.Connection == "" {
		p.add("connection", "is required")
	} else if len(d.Connection) > MaxName || !plainName(d.Connection) {
		p.add("connection", "is no name of a connection")
	}
	if p.url("url", d.URL) {
		if _, err := parseTemplate(d.URL); err != nil {
			p.add("url", "%s", err)
		}
	}
	switch {
	case d.Method == "":
		p.add("method", "is required")
	case !slices.Contains(Methods(), d.Method):
		p.add("method", "%.16q is unknown; methods are %s", d.Method, strings.Join(Methods(), ", "))
	}
	if d.Rate < 0 || d.Rate > endpoint.MaxRate {
		p.add("rate", "%d is out of range; 1 to %d per second, default %d", d.Rate, endpoint.MaxRate, DefaultRate)
	}
	return p.join()
}

// Validate returns nil, or every [*InvalidError] joined, of a connection of that name. What its kind of authorization does not
// use must not be there. What is secret must have a value, unless the connection was deauthorized, which forgets them.
func (c *Connection) Validate(name string) error {
	var p problems
	p.name(name)
	p.long("description", c.Description, MaxDescription)
	switch c.Authorization {
	case "":
		p.add("authorization", "is required")
	case Basic, APIKey, OAuth:
		c.validateAuthorization(&p)
	default:
		p.add("authorization", "%.32q is unknown; it is %s, %s or %s", string(c.Authorization), Basic, APIKey, OAuth)
	}
	c.Parameters.validate(&p, "parameters", c.usable())
	return p.join()
}

func (c *Connection) validateAuthorization(p *problems) {
	only := func(field string, set bool, of Authorization) bool {
		if set && c.Authorization != of {
			p.add(field, "is only for %s", of)
		}
		return c.Authorization == of
	}
	secret := func(field, text string) {
		if text != "" || c.usable() {
			p.required(field, text)
		}
	}
	if only("username", c.Username != "", Basic) {
		p.required("username", c.Username)
		if strings.Contains(c.Username, ":") {
			p.add("username", "must not have a colon")
		}
	}
	if only("password", c.Password != "", Basic) {
		secret("password", c.Password)
	}
	if only("key_name", c.KeyName != "", APIKey) {
		if c.KeyName == "" {
			p.add("key_name", "is required")
		} else {
			p.headerName("key_name", c.KeyName)
		}
	}
	if only("key_value", c.KeyValue != "", APIKey) {
		secret("key_value", c.KeyValue)
	}
	switch t := c.Token; {
	case !only("token", t != nil, OAuth):
	case t == nil:
		p.add("token", "is required")
	default:
		p.url("token.endpoint", t.Endpoint)
		switch {
		case t.Method == "":
			p.add("token.method", "is required")
		case !slices.Contains(TokenMethods(), t.Method):
			p.add("token.method", "%.16q is unknown; methods are %s", t.Method, strings.Join(TokenMethods(), ", "))
		}
		p.required("token.client_id", t.ClientID)
		secret("token.client_secret", t.ClientSecret)
		t.Parameters.validate(p, "token.parameters", c.usable())
	}
}

func (p *problems) headerName(field, name string) {
	p.long(field, name, MaxText)
	switch {
	case !isToken(name):
		p.add(field, "is not a header name")
	case ReservedHeader(name):
		p.add(field, "%s is set by Signalbox and can not be replaced", name)
	}
}

// validate checks parameters; secrets says that those that are secret must have values.
func (ps *Parameters) validate(p *problems, at string, secrets bool) {
	each := func(kind string, all []Parameter, check func(field string, one *Parameter)) {
		if len(all) > MaxParameters {
			p.add(at+"."+kind, "has %d entries; the maximum is %d", len(all), MaxParameters)
		}
		for i := range all {
			field := fmt.Sprintf("%s.%s[%d]", at, kind, i)
			if all[i].Key == "" {
				p.add(field+".key", "is required")
				continue
			}
			if all[i].Secret && all[i].Value == "" && secrets {
				p.add(field+".value", "is required, since it is marked as secret")
			}
			check(field, &all[i])
		}
	}
	each("header", ps.Header, func(field string, one *Parameter) {
		p.headerName(field+".key", one.Key)
		p.long(field+".value", one.Value, MaxText)
		if hasControls(one.Value, true) || !utf8.ValidString(one.Value) {
			p.add(field+".value", "has characters that can not be in a header")
		}
	})
	each("query", ps.Query, func(field string, one *Parameter) {
		p.long(field+".key", one.Key, MaxText)
		p.long(field+".value", one.Value, MaxText)
		if hasControls(one.Key, false) || !utf8.ValidString(one.Key) {
			p.add(field+".key", "has control characters")
		}
		if !utf8.ValidString(one.Value) {
			p.add(field+".value", "is not UTF-8")
		}
	})
	each("body", ps.Body, func(field string, one *Parameter) {
		p.long(field+".key", one.Key, MaxBodyText)
		p.long(field+".value", one.Value, MaxBodyText)
		if !utf8.ValidString(one.Key) || !utf8.ValidString(one.Value) {
			p.add(field, "is not UTF-8")
		}
	})
}

// tidy leaves out what belongs to another kind of authorization than the connection's.
func (c *Connection) tidy() {
	if c.Authorization != Basic {
		c.Username, c.Password = "", ""
	}
	if c.Authorization != APIKey {
		c.KeyName, c.KeyValue = "", ""
	}
	if c.Authorization != OAuth {
		c.Token = nil
	}
}
