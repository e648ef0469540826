package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/httpapi/ingest"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/topic"
)

const (
	docFile    = "../../../../docs/configuration.md"
	schemaFile = "../../../../docs/router.schema.json"
)

// tables are the sections of the documentation and the types whose keys they list. A type that has a table of its own is one
// key elsewhere.
func tables() map[string]reflect.Type {
	return map[string]reflect.Type{
		"The file":         reflect.TypeFor[document](),
		"queues":           reflect.TypeFor[queue.Definition](),
		"topics":           reflect.TypeFor[topicEntry](),
		"functions":        reflect.TypeFor[functionEntry](),
		"retry":            reflect.TypeFor[endpoint.RetryPolicy](),
		"connections":      reflect.TypeFor[destination.Connection](),
		"api_destinations": reflect.TypeFor[destination.Destination](),
		"buses":            reflect.TypeFor[rules.Bus](),
		"archives":         reflect.TypeFor[rules.Archive](),
		"rules":            reflect.TypeFor[ruleEntry](),
		"transform":        reflect.TypeFor[rules.Transform](),
		"webhooks":         reflect.TypeFor[ingest.Source](),
		"egress":           reflect.TypeFor[egress](),
		"aws":              reflect.TypeFor[awsSettings](),
	}
}

func tableOf(t reflect.Type) string {
	for name, typ := range tables() {
		if typ == t {
			return name
		}
	}
	return ""
}

func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(textType) || t.Kind() == reflect.String || t == rawType
}

// paths lists the keys of a type as the documentation writes them.
func paths(prefix string, t reflect.Type) []string {
	var all []string
	for _, f := range keysOf(t) {
		path := prefix + f.key
		all = append(all, path)
		typ := f.typ
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() == reflect.Slice && !isText(typ) {
			typ = typ.Elem()
			path += "[]"
		}
		if typ.Kind() == reflect.Struct && !isText(typ) && tableOf(typ) == "" {
			all = append(all, paths(path+".", typ)...)
		}
	}
	return all
}

var (
	heading = regexp.MustCompile(`^## (.*)$`)
	row     = regexp.MustCompile("^\\| `([^`]+)` \\|([^|]*)\\|([^|]*)\\|([^|]*)\\|$")
	link    = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// documented returns what the documentation says of each key, by section and key.
func documented(t *testing.T) map[string]map[string]string {
	t.Helper()
	data, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	section := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if m := heading.FindStringSubmatch(line); m != nil {
			section = m[1]
		}
		if m := row.FindStringSubmatch(line); m != nil {
			if all[section] == nil {
				all[section] = map[string]string{}
			}
			if _, twice := all[section][m[1]]; twice {
				t.Errorf("%s is in the table of %s twice", m[1], section)
			}
			text := strings.ReplaceAll(link.ReplaceAllString(strings.TrimSpace(m[4]), "$1"), "`", "")
			if standard := strings.ReplaceAll(strings.TrimSpace(m[3]), "`", ""); standard != "" && standard != "required" {
				text += ". Default: " + standard
			}
			all[section][m[1]] = text
		}
	}
	return all
}

// TestDocumented keeps the tables of docs/configuration.md complete.
func TestDocumented(t *testing.T) {
	t.Parallel()
	docs := documented(t)
	for section, typ := range tables() {
		want := slices.Sorted(slices.Values(paths("", typ)))
		got := slices.Sorted(maps.Keys(docs[section]))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("section %s of %s (- the type, + the table):\n%s", section, docFile, diff)
		}
	}
}

type object = map[string]any

const envPattern = `\$\{env:[A-Za-z_][A-Za-z0-9_]*\}`

// schemer makes the JSON Schema of the file.
type schemer struct {
	docs map[string]map[string]string
	defs object
}

func orEnv(alternatives ...object) object {
	return object{"anyOf": append(alternatives, object{"type": "string", "pattern": envPattern})}
}

func enum[T ~string](values ...T) object { return orEnv(object{"enum": values}) }

// choices are the texts that are one of a few.
func choices(section, path string) []string {
	return map[string][]string{
		"queues deduplication_scope":          {"queue", "group"},
		"topics deduplication_scope":          {"topic", "group"},
		"topics subscriptions[].filter_scope": {"attributes", "body"},
		"topics subscriptions[].success":      {topic.Success2xx, topic.SuccessBelow500},
		"aws http_success":                    {topic.Success2xx, topic.SuccessBelow500},
		"aws signatures":                      {topic.SignAll, topic.SignHTTP},
		"webhooks hmac.algorithm":             {"sha256", "sha512", "sha1"},
		"webhooks hmac.encoding":              {"hex", "base64"},
		"webhooks hmac.timestamp_unit":        {"s", "ms"},
		"connections authorization":           {string(destination.Basic), string(destination.APIKey), string(destination.OAuth)},
		"connections token.method":            destination.TokenMethods(),
		"api_destinations method":             destination.Methods(),
		"webhooks hmac.key_encoding":          {"text", "hex", "base64"},
	}[section+" "+path]
}

func (s *schemer) of(section, path string, t reflect.Type) object {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	key := path[strings.LastIndexAny(path, ".]")+1:]
	switch {
	case t == reflect.TypeFor[duration.Duration]():
		return orEnv(object{"const": 0}, object{"type": "string", "pattern": "^(0|([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$", "minLength": 1})
	case t == reflect.TypeFor[endpoint.Rate]():
		return orEnv(object{"type": "string", "pattern": "^[0-9]+/[smh]$"})
	case t == rawType && key != "input":
		return object{"type": "object"}
	case t == rawType:
		return object{}
	case t == notYetType:
		return object{"not": object{}}
	case t == accountType:
		return orEnv(object{"type": "string", "pattern": "^[0-9]{12}$"})
	case t == reflect.TypeFor[endpoint.Format]():
		return enum(endpoint.Formats()...)
	case t == reflect.TypeFor[ingest.Scheme]():
		return enum(ingest.Schemes()...)
	case t == reflect.TypeFor[endpoint.SignScheme]():
		return enum(endpoint.StandardWebhooks)
	case key == deadLetterKey && t.Kind() == reflect.String:
		return object{"anyOf": []object{
			{"type": "string"},
			{"type": "object", "properties": object{"queue": object{"type": "string"}}, "required": []string{"queue"}, "additionalProperties": false},
		}}
	}
	switch t.Kind() {
	case reflect.String:
		if c := choices(section, path); c != nil {
			return enum(c...)
		}
		return object{"type": []string{"string", "number", "boolean"}}
	case reflect.Bool:
		return orEnv(object{"type": "boolean"})
	case reflect.Float64:
		return orEnv(object{"type": "number"})
	case reflect.Int, reflect.Int64:
		if sizeKey(key) {
			return orEnv(object{"type": "integer", "minimum": 0}, object{"type": "string", "pattern": "^[0-9]+([KMGT]i)?B?$"})
		}
		return orEnv(object{"type": "integer"})
	case reflect.Slice:
		return object{"type": []string{"array", "null"}, "items": s.of(section, path+"[]", t.Elem())}
	case reflect.Map:
		return object{"type": []string{"object", "null"}, "additionalProperties": s.of(section, path, t.Elem())}
	}
	if table := tableOf(t); table != "" {
		if _, made := s.defs[table]; !made {
			s.defs[table] = nil // while it is made
			s.defs[table] = s.object(table, "", t)
		}
		return object{"$ref": "#/$defs/" + table}
	}
	return s.object(section, path+".", t)
}

func (s *schemer) object(section, prefix string, t reflect.Type) object {
	properties := object{}
	for _, f := range keysOf(t) {
		property := s.of(section, prefix+f.key, f.typ)
		if text := s.docs[section][prefix+f.key]; text != "" {
			property["description"] = text
		}
		properties[f.key] = property
	}
	return object{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
}

// TestSchema keeps docs/router.schema.json in step with the types and the documentation. Rewrite it with -update.
func TestSchema(t *testing.T) {
	t.Parallel()
	s := schemer{docs: documented(t), defs: object{}}
	root := s.object("The file", "", reflect.TypeFor[document]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Signalbox router configuration"
	root["$defs"] = s.defs
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		t.Fatal(err)
	}
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(schemaFile, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), out.String()); diff != "" {
		t.Errorf("%s (rewrite with -update):\n%s", schemaFile, diff)
	}
}
