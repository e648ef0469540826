package awstest

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

// Known is an error that clients know.
type Known struct {
	// Name is that in JSON, without its name space, which SDKs raise; Code that in Query.
	Name, Code string
	Status     int
	// Framework says that it is in no service's model.
	Framework bool
}

// Modelled is an error of a service's model.
func Modelled(name, code string, status int) Known {
	return Known{Name: name, Code: code, Status: status}
}

// Framework is an error that no model has.
func Framework(name, code string, status int) Known {
	return Known{Name: name, Code: code, Status: status, Framework: true}
}

// FrameworkErrors are those that a service may answer by the protocols that it speaks and the way in which it tells what a
// request lacks.
func FrameworkErrors(s *awsapi.Service) []Known {
	all := []Known{
		Framework("SerializationException", "MalformedInput", 400), Framework("RequestTimeout", "RequestTimeout", 408),
		Framework("RequestEntityTooLarge", "RequestEntityTooLarge", 413), Framework("UnsupportedMediaType", "UnsupportedMediaType", 415),
		Framework("InternalFailure", "InternalFailure", 500), Framework("ServiceUnavailable", "ServiceUnavailable", 503),
	}
	if s.Target != "" {
		all = append(all, Framework("UnknownOperationException", "InvalidAction", 404))
	}
	if s.QueryVersion != "" {
		all = append(all, Framework("InvalidAction", "InvalidAction", 400), Framework("MissingAction", "MissingAction", 400))
	}
	switch {
	case !s.Coral:
		all = append(all, Framework("InvalidParameterValueException", "InvalidParameterValue", 400), Framework("MissingRequiredParameterException", "MissingParameter", 400))
	case s.Target != "":
		all = append(all, Framework("ValidationException", "ValidationError", 400))
	default:
		all = append(all, Framework("ValidationError", "ValidationError", 400)) // nobody sees the other name
	}
	if len(s.Refused) > 0 {
		all = append(all, Framework("UnsupportedOperation", "UnsupportedOperation", 400))
	}
	return all
}

// findKnown finds an error by its name, or else by its code.
func findKnown(known []Known, name string) (Known, bool) {
	for _, k := range known {
		if k.Name == name {
			return k, true
		}
	}
	for _, k := range known {
		if k.Code == name {
			return k, true
		}
	}
	return Known{}, false
}

// shape is the error's __type.
func (k Known) shape(s *awsapi.Service) string {
	switch {
	case s.ErrorNamespace == "":
		return k.Name
	case k.Framework:
		return "com.amazon.coral.service#" + k.Name
	}
	return s.ErrorNamespace + "#" + k.Name
}

// of says whether an answer is that error.
func (a *Answer) of(k Known) bool {
	s := a.client.Service
	if a.Status != k.Status || a.Sender != (k.Status < http.StatusInternalServerError) || a.Shape != "" && a.Shape != k.shape(s) {
		return false
	}
	return a.Code == k.Code || a.Code == "" && a.Shape != "" && !s.QueryErrors
}

// checkKnown holds an error against what is known.
func (a *Answer) checkKnown() {
	a.tb.Helper()
	for _, k := range a.client.Known {
		// An error of which nobody knows the service is of the framework, and tells no code.
		if a.of(k) || k.Framework && a.Code == "" && a.Status == k.Status && a.Shape == "com.amazon.coral.service#"+k.Name {
			return
		}
	}
	a.tb.Errorf("answered the error %q, code %q, status %d, sender's fault %v, which is not one that clients know: %s", a.Shape, a.Code, a.Status, a.Sender, a.Body)
}

var errorInSource = regexp.MustCompile(`(?:\bShape: |\bCode: |\bmodelled\()"(\w+)"`)

// CheckSource finds every error in the source of the package under test, of which there are at least so many.
func CheckSource(t testing.TB, known []Known, atLeast int) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range errorInSource.FindAllStringSubmatch(string(source), -1) {
			found++
			if _, ok := findKnown(known, m[1]); !ok {
				t.Errorf("%s has the error %s, which is not one that clients know", file, m[1])
			}
		}
	}
	if found < atLeast {
		t.Errorf("only %d errors were found", found)
	}
}
