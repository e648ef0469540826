package event

import "strings"

// The media types of CloudEvents in structured and in batched content mode, as the router sends them.
const (
	ContentTypeStructured = "application/cloudevents+json; charset=utf-8"
	ContentTypeBatch      = "application/cloudevents-batch+json; charset=utf-8"
)

const reasonMediaType = `must be a media type such as "application/json"`

// mediaType is the type/subtype of a Content-Type, in lower case.
func mediaType(contentType string) string {
	base, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(base))
}

// validMediaType says whether contentType can be a Content-Type. Parameters are only checked for
// characters: many senders get their syntax wrong, and they are passed on as they came.
func validMediaType(contentType string) bool {
	for i := range len(contentType) {
		if c := contentType[i]; c < ' ' || c > '~' {
			return false
		}
	}
	typ, sub, ok := strings.Cut(mediaType(contentType), "/")
	return ok && isToken(typ) && isToken(sub)
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsAny(s, " \t\"(),/:;<=>?@[\\]{}")
}

// jsonMediaType says whether contentType declares JSON, by the rule of the CloudEvents JSON format:
// the subtype is json or ends in +json. No content type at all means JSON too.
func jsonMediaType(contentType string) bool {
	if contentType == "" {
		return true
	}
	_, sub, _ := strings.Cut(mediaType(contentType), "/")
	return sub == "json" || strings.HasSuffix(sub, "+json")
}

// textMediaType says whether contentType declares text in UTF-8, which then is kept as a string.
func textMediaType(contentType string) bool {
	_, params, _ := strings.Cut(strings.ToLower(contentType), ";")
	if _, charset, ok := strings.Cut(params, "charset="); ok {
		charset, _, _ = strings.Cut(charset, ";")
		switch strings.Trim(charset, "\" \t") {
		case "utf-8", "utf8", "us-ascii", "ascii":
		default:
			return false // the bytes are kept as they are
		}
	}
	typ, sub, _ := strings.Cut(mediaType(contentType), "/")
	if typ == "text" || strings.HasSuffix(sub, "+xml") || strings.HasSuffix(sub, "+yaml") {
		return true
	}
	switch typ + "/" + sub {
	case "application/xml", "application/yaml", "application/x-yaml", "application/toml", "application/javascript",
		"application/graphql", "application/sql", "application/x-ndjson", "application/jsonl",
		"application/x-www-form-urlencoded":
		return true
	}
	return false
}
