package destination

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// hasBody says whether calls by a method have a body. It is their URL that says what the others are about.
func hasBody(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	return true
}

// merge adds parameters to the JSON object that a body is, in the place of members of their names; what is there besides stays as
// it is written. No body is an empty object. Any other body is returned as it is.
func merge(body []byte, parameters []Parameter) []byte {
	if len(parameters) == 0 {
		return body
	}
	object := bytes.TrimSpace(body)
	if len(object) == 0 {
		object = []byte("{}")
	}
	if object[0] != '{' || !json.Valid(object) {
		return body
	}
	given := make(map[string]bool, len(parameters))
	for i := range parameters {
		given[parameters[i].Key] = true
	}
	out := append(make([]byte, 0, len(object)+64*len(parameters)), '{')
	member := func(key string, value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(quote(out, key), ':'), value...)
	}
	dec := json.NewDecoder(bytes.NewReader(object))
	_, _ = dec.Token() // the brace
	for dec.More() {
		key, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return body // it is valid JSON, so this can not be
		}
		if name, ok := key.(string); ok && !given[name] {
			member(name, value)
		}
	}
	for i := range parameters {
		if p := &parameters[i]; given[p.Key] {
			member(p.Key, quote(nil, last(parameters, p.Key)))
			given[p.Key] = false
		}
	}
	return append(out, '}')
}

// last returns the value of the last parameter of that key.
func last(parameters []Parameter, key string) string {
	for i := len(parameters) - 1; i >= 0; i-- {
		if parameters[i].Key == key {
			return parameters[i].Value
		}
	}
	return ""
}

// quote appends a text as JSON.
func quote(dst []byte, s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a text always has a JSON form
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
