package events

import "encoding/json"

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

// keepJSON keeps JSON that the definition has in a member of its own, if it is not there as it was given: what the catalog does
// to it shows in nothing but its form.
func keepJSON(kept *map[string]string, name, text string) json.RawMessage {
	if text == "" {
		keep(kept, name, "")
		return nil
	}
	raw := json.RawMessage(text)
	if compact(text) {
		text = ""
	}
	keep(kept, name, text)
	return raw
}

// compact says whether JSON has no white space that does not count.
func compact(text string) bool {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && c <= ' ':
			return false
		}
	}
	return true
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
