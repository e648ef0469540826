package destination

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

// template is a destination's URL: each asterisk in its path stands for a value.
type template struct {
	url *url.URL
	// parts are the path between the asterisks, escaped. There is at least one.
	parts []string
}

func parseTemplate(raw string) (template, error) {
	u, err := endpoint.ParseURL(raw)
	if err != nil {
		return template{}, err
	}
	if strings.Contains(u.Host, "*") {
		return template{}, errors.New("can have asterisks in its path only")
	}
	return template{url: u, parts: strings.Split(u.EscapedPath(), "*")}, nil
}

// Wildcards returns how many values the URL of a destination needs; zero if it can not be read.
func (d *Destination) Wildcards() int {
	t, err := parseTemplate(d.URL)
	if err != nil {
		return 0
	}
	return t.wildcards()
}

// secrets are those of the URL itself.
func (t *template) secrets() []string {
	if t.url.User == nil {
		return nil
	}
	password, _ := t.url.User.Password()
	return []string{password, strings.TrimPrefix(basic(t.url.User.Username(), password), "Basic ")}
}

func (t *template) wildcards() int { return len(t.parts) - 1 }

// fill returns a URL of the caller's own, with the values in the place of the asterisks. Values that are left over are not used.
// None may be empty, or become a path of its own: a call to what is above the resource that is meant does harm.
func (t *template) fill(values []string) (*url.URL, error) {
	filled := *t.url
	if len(values) < t.wildcards() {
		return nil, fmt.Errorf("too few values for the path of the URL: it has asterisks for %d, and the target gives %d", t.wildcards(), len(values))
	}
	if t.wildcards() == 0 {
		return &filled, nil
	}
	var path strings.Builder
	path.WriteString(t.parts[0])
	for i, part := range t.parts[1:] {
		if values[i] == "" {
			return nil, fmt.Errorf("the value for asterisk %d of the URL is empty, or the event has none", i+1)
		}
		path.WriteString(url.PathEscape(values[i]))
		path.WriteString(part)
	}
	segments := strings.Split(path.String(), "/")
	for i, segment := range strings.Split(strings.Join(t.parts, "*"), "/") {
		if strings.Contains(segment, "*") && (segments[i] == "." || segments[i] == "..") {
			return nil, fmt.Errorf("a value for the path of the URL makes it lead elsewhere: %s", segments[i])
		}
	}
	var err error
	filled.RawPath = path.String()
	if filled.Path, err = url.PathUnescape(filled.RawPath); err != nil {
		return nil, errors.New("the path of the URL can not be read")
	}
	return &filled, nil
}
