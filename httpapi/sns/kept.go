package sns

import (
	"bytes"
	"encoding/json"
)

// keep sets an attribute that is kept with a definition; an empty value is none.
func keep(kept *map[string]string, name, value string) {
	if value == "" {
		delete(*kept, name)
		return
	}
	if *kept == nil {
		*kept = make(map[string]string)
	}
	(*kept)[name] = value
}

// maxForm is from where on the form of JSON is not kept: what is kept has a bound of its own, and the whole is what counts.
const maxForm = 8 << 10

// keepJSON keeps JSON that the definition has in a member of its own, if it is not there as it was given: what the catalog does
// to it shows in nothing but its form.
func keepJSON(kept *map[string]string, name, text string) json.RawMessage {
	if text == "" {
		keep(kept, name, "")
		return nil
	}
	raw := json.RawMessage(text)
	if stored, err := json.Marshal(raw); err == nil && string(stored) == text || len(text) > maxForm {
		text = ""
	}
	keep(kept, name, text)
	return raw
}

// keptJSON is JSON as it was given: what is kept, or else what the member has.
func keptJSON(kept map[string]string, name string, member json.RawMessage) string {
	if len(member) == 0 {
		return ""
	}
	if text, ok := kept[name]; ok {
		return text
	}
	return string(member)
}

// sameText says whether two values of an attribute are the same, but for white space in JSON.
func sameText(a, b string) bool {
	if a == b {
		return true
	}
	var x, y bytes.Buffer
	return json.Compact(&x, []byte(a)) == nil && json.Compact(&y, []byte(b)) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}
