package httpapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi"
)

// document is an OpenAPI document, or a part of one.
type document = map[string]any

func openAPI(t *testing.T) document {
	t.Helper()
	var doc document
	if err := json.Unmarshal(httpapi.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// resolve follows a $ref of the document.
func resolve(t *testing.T, doc document, v any) document {
	t.Helper()
	part, ok := v.(document)
	if !ok {
		t.Fatalf("%v is no object", v)
	}
	ref, ok := part["$ref"].(string)
	if !ok {
		return part
	}
	var at any = doc
	for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		m, _ := at.(document)
		if at = m[name]; at == nil {
			t.Fatalf("%s leads nowhere", ref)
		}
	}
	return resolve(t, doc, at)
}

// TestOpenAPIHasTheRoutes compares paths and methods in both directions.
func TestOpenAPIHasTheRoutes(t *testing.T) {
	t.Parallel()
	var documented, routed []string
	for path, item := range openAPI(t)["paths"].(document) {
		for method := range item.(document) {
			documented = append(documented, strings.ToUpper(method)+" "+path)
		}
	}
	for path, methods := range newModelEnv(t).server.Routes() {
		for _, method := range methods {
			routed = append(routed, method+" "+path)
		}
	}
	slices.Sort(documented)
	slices.Sort(routed)
	for _, route := range routed {
		if !slices.Contains(documented, route) {
			t.Errorf("%s is a route, but not in the document", route)
		}
	}
	for _, route := range documented {
		if !slices.Contains(routed, route) {
			t.Errorf("%s is in the document, but no route", route)
		}
	}
}

// TestOpenAPIIsSound checks that the document holds together: references, parameters, IDs, and what is defined is used.
func TestOpenAPIIsSound(t *testing.T) {
	t.Parallel()
	doc := openAPI(t)
	if v := doc["openapi"]; v != "3.1.0" {
		t.Errorf("the version is %v", v)
	}
	used := map[string]bool{}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case document:
			if ref, ok := v["$ref"].(string); ok {
				used[ref] = true
				resolve(t, doc, v)
			}
			if pattern, ok := v["pattern"].(string); ok {
				if _, err := regexp.Compile(pattern); err != nil {
					t.Errorf("%s: %v", at, err)
				}
			}
			for name, part := range v {
				walk(at+"/"+name, part)
			}
		case []any:
			for i, part := range v {
				walk(at+"/"+strconv.Itoa(i), part)
			}
		}
	}
	walk("#", doc)
	for kind, parts := range doc["components"].(document) {
		for name := range parts.(document) {
			if ref := "#/components/" + kind + "/" + name; !used[ref] {
				t.Errorf("%s is used nowhere", ref)
			}
		}
	}

	tags := map[any]bool{}
	for _, tag := range doc["tags"].([]any) {
		tags[tag.(document)["name"]] = true
	}
	ids := map[any]string{}
	for path, item := range doc["paths"].(document) {
		for method, v := range item.(document) {
			op, route := v.(document), method+" "+path
			id := op["operationId"]
			if id == nil || ids[id] != "" {
				t.Errorf("%s has the operationId %v, as %s", route, id, ids[id])
			}
			ids[id] = route
			if op["summary"] == nil || op["responses"] == nil || len(op["tags"].([]any)) != 1 || !tags[op["tags"].([]any)[0]] {
				t.Errorf("%s has no summary, responses, or known tag", route)
			}
			checkParameters(t, doc, route, path, op)
			for status, response := range op["responses"].(document) {
				if n, err := strconv.Atoi(status); err != nil || n < 200 || n > 599 {
					t.Errorf("%s answers %q", route, status)
				}
				if resolve(t, doc, response)["description"] == nil {
					t.Errorf("%s: %s has no description", route, status)
				}
			}
		}
	}
}

// checkParameters checks that the variables of a path are its path parameters.
func checkParameters(t *testing.T, doc document, route, path string, op document) {
	t.Helper()
	var inPath, declared []string
	for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
		inPath = append(inPath, m[1])
	}
	parameters, _ := op["parameters"].([]any)
	for _, v := range parameters {
		p := resolve(t, doc, v)
		if p["description"] == nil || p["schema"] == nil {
			t.Errorf("%s: parameter %v has no description or schema", route, p["name"])
		}
		if p["in"] == "path" {
			declared = append(declared, p["name"].(string))
			if p["required"] != true {
				t.Errorf("%s: parameter %v is not required", route, p["name"])
			}
		}
	}
	slices.Sort(inPath)
	slices.Sort(declared)
	if !slices.Equal(inPath, declared) {
		t.Errorf("%s has the path parameters %q, want %q", route, declared, inPath)
	}
}

// TestOpenAPIHasTheAnswers holds every exchange of the golden tests against the document: the status is there, a problem's
// code is named, and the members of the answer are those of its schema.
func TestOpenAPIHasTheAnswers(t *testing.T) {
	t.Parallel()
	doc := openAPI(t)
	e := newEnv(t)
	paths := doc["paths"].(document)
	patterns := slices.SortedFunc(maps.Keys(paths), func(a, b string) int { return strings.Count(a, "{") - strings.Count(b, "{") })
	for name, exchanges := range scenarios() {
		last := map[string]string{}
		for _, x := range exchanges {
			target := x.target
			for name, value := range last {
				target = strings.ReplaceAll(target, "{{"+name+"}}", value)
			}
			e.store.Fail(x.fault)
			w := e.do(x.method, target, x.body, x.header...)
			e.store.Fail(nil)
			for name, pattern := range captured {
				if m := pattern.FindStringSubmatch(w.Body.String()); m != nil {
					last[name] = m[1]
				}
			}
			if w.Code == 404 && x.code == "not_found" || w.Code == 405 || w.Code == 403 || x.method == http.MethodHead {
				continue // no operation's
			}
			route := slices.IndexFunc(patterns, func(p string) bool {
				return regexp.MustCompile("^" + regexp.MustCompile(`\{\w+\}`).ReplaceAllString(p, `[^/?]+`) + `(\?.*)?$`).MatchString(x.target)
			})
			if route < 0 {
				t.Errorf("%s: no path is like %s", name, x.target)
				continue
			}
			at := x.method + " " + patterns[route]
			op, ok := paths[patterns[route]].(document)[strings.ToLower(x.method)].(document)
			if !ok {
				t.Errorf("%s is not in the document", at)
				continue
			}
			response, ok := op["responses"].(document)[strconv.Itoa(w.Code)]
			if !ok {
				t.Errorf("%s answered %d %s, which is not in the document", at, w.Code, w.Body)
				continue
			}
			checkAnswer(t, doc, at, resolve(t, doc, response), w.Header().Get("Content-Type"), w.Body.Bytes())
		}
	}
}

func checkAnswer(t *testing.T, doc document, at string, response document, contentType string, body []byte) {
	t.Helper()
	content, _ := response["content"].(document)
	if contentType == "" {
		if content != nil || len(body) != 0 {
			t.Errorf("%s: answered %q without a Content-Type, documented is %v", at, body, content)
		}
		return
	}
	media, _, _ := strings.Cut(contentType, ";")
	as, ok := content[media].(document)
	if !ok {
		t.Errorf("%s: answered %s, which is not in the document", at, media)
		return
	}
	if !strings.HasSuffix(media, "json") {
		return
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	conform(t, doc, at, as["schema"], v)
	if p, ok := v.(document); ok && media == "application/problem+json" && !strings.Contains(response["description"].(string), "`"+p["code"].(string)+"`") {
		t.Errorf("%s: the code %s is not in the document: %s", at, p["code"], response["description"])
	}
}

// conform checks that v has the required members of a schema, and no others than it names.
func conform(t *testing.T, doc document, at string, schema, v any) {
	t.Helper()
	s := resolve(t, doc, schema)
	switch v := v.(type) {
	case document:
		properties, _ := s["properties"].(document)
		required, _ := s["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				t.Errorf("%s: the answer lacks %s: %v", at, name, v)
			}
		}
		for name, part := range v {
			switch property, ok := properties[name]; {
			case ok:
				conform(t, doc, at+" "+name, property, part)
			case properties != nil && s["additionalProperties"] == nil:
				t.Errorf("%s: the answer has %s, which is not in the document", at, name)
			}
		}
	case []any:
		if s["type"] != "array" {
			t.Errorf("%s: is an array, documented as %v", at, s["type"])
			return
		}
		for _, part := range v {
			conform(t, doc, at+"[]", s["items"], part)
		}
	case string:
		if values, ok := s["enum"].([]any); ok && !slices.Contains(values, any(v)) {
			t.Errorf("%s: %q is none of %v", at, v, values)
		}
		if s["type"] == "integer" || s["type"] == "boolean" || s["type"] == "array" {
			t.Errorf("%s: %q is no %v", at, v, s["type"])
		}
	case float64:
		if s["type"] != "integer" {
			t.Errorf("%s: %v is no %v", at, v, s["type"])
		}
	}
}

// TestOpenAPIExamplesAreAccepted sends the example of every request's body.
func TestOpenAPIExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	doc := openAPI(t)
	e := newEnv(t)
	e.deadLetterQueue("orders-failed")
	sent := 0
	for path, item := range doc["paths"].(document) {
		for method, op := range item.(document) {
			body, ok := op.(document)["requestBody"].(document)
			if !ok || strings.Contains(path, "{receipt}") {
				continue
			}
			target := strings.NewReplacer("{queue}/redrive", "orders-failed/redrive", "{bus}", "default", "{queue}", "orders", "{topic}", "alerts", "{function}", "charge-card", "{source}", "open").Replace(path)
			if method == "put" {
				target = "/v1/queues/new"
			}
			for media, content := range body["content"].(document) {
				examples := []any{content.(document)["example"]}
				if named, ok := content.(document)["examples"].(document); ok {
					examples = nil
					for _, example := range named {
						examples = append(examples, example.(document)["value"])
					}
				}
				for _, example := range examples {
					if example == nil {
						continue
					}
					data, err := json.Marshal(example)
					if err != nil {
						t.Fatal(err)
					}
					sent++
					if w := e.do(strings.ToUpper(method), target, string(data), "Content-Type", media); w.Code/100 != 2 {
						t.Errorf("%s %s: the example %s is answered %d %s", method, target, data, w.Code, w.Body)
					}
				}
			}
		}
	}
	if sent < 8 {
		t.Errorf("only %d examples were sent", sent)
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	t.Parallel()
	w := newModelEnv(t).do("GET", "/v1/openapi.json", "")
	if w.Code != 200 || w.Body.String() != string(httpapi.OpenAPI()) || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/openapi+json") {
		t.Errorf("answered %d %v", w.Code, w.Header())
	}
}
