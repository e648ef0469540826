package tests

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/aws/smithy-go"
)

// queryClient speaks the Query protocol as the SDKs did until 2023: what goes out is a form, what comes back is XML. It reads
// and writes the shapes of the SDK by their fields, so that it knows no operation but by name.
type queryClient struct {
	http        *http.Client
	url         string
	key, region string
	// unsigned leaves the credential out.
	unsigned bool
}

// queryNames are the members whose name in Query is not that of the field.
var queryNames = map[string]string{
	"AttributeNames": "AttributeName", "MessageAttributeNames": "MessageAttributeName",
	"MessageSystemAttributeNames": "MessageSystemAttributeName", "MessageAttributes": "MessageAttribute",
	"MessageSystemAttributes": "MessageSystemAttribute", "AWSAccountIds": "AWSAccountId", "Actions": "ActionName",
	"TagKeys": "TagKey", "QueueUrls": "QueueUrl", "Messages": "Message", "Results": "ListMessageMoveTasksResultEntry",
	"Failed": "BatchResultErrorEntry", "Attributes": "Attribute", "Tags": "Tag",
}

func queryName(operation, field string) string {
	switch field {
	case "Entries":
		return operation + "RequestEntry"
	case "Successful":
		return operation + "ResultEntry"
	}
	if name, ok := queryNames[field]; ok {
		return name
	}
	return field
}

// entryNames are what a map calls its keys and values.
func entryNames(field string) (key, value string) {
	if field == "Tags" {
		return "Key", "Value"
	}
	return "Name", "Value"
}

// formOf writes the members of a shape as the parameters of a form. What is zero is left out, as the SDK does.
func formOf(form url.Values, operation, prefix string, shape reflect.Value) {
	for i := range shape.NumField() {
		field := shape.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		name := prefix + queryName(operation, field.Name)
		if v := shape.Field(i); v.Kind() == reflect.Map {
			key, value := entryNames(field.Name)
			n := 0
			for entries := v.MapRange(); entries.Next(); {
				n++
				form.Set(fmt.Sprintf("%s.%d.%s", name, n, key), entries.Key().String())
				parameter(form, operation, fmt.Sprintf("%s.%d.%s", name, n, value), entries.Value(), true)
			}
		} else {
			// The two that say "now" by 0 and are required.
			always := field.Name == "VisibilityTimeout" && strings.HasPrefix(operation, "ChangeMessageVisibility")
			parameter(form, operation, name, v, always)
		}
	}
}

func parameter(form url.Values, operation, name string, v reflect.Value, always bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			parameter(form, operation, name, v.Elem(), true)
		}
	case reflect.String:
		if always || v.String() != "" {
			form.Set(name, v.String())
		}
	case reflect.Int32, reflect.Int64:
		if always || v.Int() != 0 {
			form.Set(name, strconv.FormatInt(v.Int(), 10))
		}
	case reflect.Struct:
		formOf(form, operation, name+".", v)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if !v.IsNil() {
				form.Set(name, base64.StdEncoding.EncodeToString(v.Bytes()))
			}
			return
		}
		for i := range v.Len() {
			parameter(form, operation, fmt.Sprintf("%s.%d", name, i+1), v.Index(i), true)
		}
	}
}

// xmlNode is an element of an answer.
type xmlNode struct {
	XMLName xml.Name
	Text    string    `xml:",chardata"`
	Nodes   []xmlNode `xml:",any"`
}

func (n *xmlNode) all(name string) (found []*xmlNode) {
	for i := range n.Nodes {
		if n.Nodes[i].XMLName.Local == name {
			found = append(found, &n.Nodes[i])
		}
	}
	return found
}

func (n *xmlNode) text(name string) string {
	if found := n.all(name); len(found) > 0 {
		return found[0].Text
	}
	return ""
}

// readShape reads the members of a shape off the elements below one. An element that the shape does not know is an error.
func readShape(operation string, from *xmlNode, shape reflect.Value) error {
	known := map[string]bool{}
	for i := range shape.NumField() {
		field := shape.Type().Field(i)
		name := queryName(operation, field.Name)
		if !field.IsExported() {
			continue
		}
		known[name] = true
		for _, n := range from.all(name) {
			if err := readMember(operation, field.Name, n, shape.Field(i)); err != nil {
				return fmt.Errorf("%s: %w", field.Name, err)
			}
		}
	}
	for i := range from.Nodes {
		if name := from.Nodes[i].XMLName.Local; !known[name] {
			return fmt.Errorf("there is an element %s, which %s does not have", name, shape.Type())
		}
	}
	return nil
}

func readMember(operation, field string, n *xmlNode, to reflect.Value) (err error) {
	switch to.Kind() {
	case reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		return readMember(operation, field, n, to.Elem())
	case reflect.String:
		to.SetString(n.Text)
	case reflect.Int32, reflect.Int64:
		var v int64
		v, err = strconv.ParseInt(n.Text, 10, 64)
		to.SetInt(v)
	case reflect.Bool:
		var v bool
		v, err = strconv.ParseBool(n.Text)
		to.SetBool(v)
	case reflect.Struct:
		return readShape(operation, n, to)
	case reflect.Slice:
		if to.Type().Elem().Kind() == reflect.Uint8 {
			var b []byte
			b, err = base64.StdEncoding.DecodeString(n.Text)
			to.SetBytes(b)
			break
		}
		item := reflect.New(to.Type().Elem()).Elem()
		if err = readMember(operation, field, n, item); err == nil {
			to.Set(reflect.Append(to, item))
		}
	case reflect.Map:
		key, value := entryNames(field)
		if len(n.all(key)) != 1 || len(n.all(value)) != 1 {
			return fmt.Errorf("an entry has not one %s and one %s", key, value)
		}
		item := reflect.New(to.Type().Elem()).Elem()
		if err = readMember(operation, field, n.all(value)[0], item); err != nil {
			return err
		}
		if to.IsNil() {
			to.Set(reflect.MakeMap(to.Type()))
		}
		to.SetMapIndex(reflect.ValueOf(n.text(key)).Convert(to.Type().Key()), item)
	}
	return err
}

// post makes a request and returns the root of the answer.
func (c *queryClient) post(ctx context.Context, form url.Values) (status int, root *xmlNode, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if !c.unsigned {
		// The router reads the credential and verifies nothing.
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+c.key+"/20260101/"+c.region+"/sqs/aws4_request, SignedHeaders=host, Signature=00")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, err
	}
	root = &xmlNode{}
	if err := xml.Unmarshal(body, root); err != nil {
		return 0, nil, fmt.Errorf("the answer %d %q is no XML: %w", resp.StatusCode, body, err)
	}
	return resp.StatusCode, root, nil
}

// call makes a call and reads the output into out.
func (c *queryClient) call(ctx context.Context, operation string, in, out any) error {
	form := url.Values{"Action": {operation}, "Version": {"2012-11-05"}}
	formOf(form, operation, "", reflect.ValueOf(in).Elem())
	status, root, err := c.post(ctx, form)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return queryError(status, root)
	}
	const space = "http://queue.amazonaws.com/doc/2012-11-05/"
	if root.XMLName.Local != operation+"Response" || root.XMLName.Space != space {
		return fmt.Errorf("the root of the answer is %v", root.XMLName)
	}
	if meta := root.all("ResponseMetadata"); len(meta) != 1 || meta[0].text("RequestId") == "" {
		return fmt.Errorf("the answer to %s has no RequestId", operation)
	}
	for _, result := range root.all(operation + "Result") {
		if err := readShape(operation, result, reflect.ValueOf(out).Elem()); err != nil {
			return fmt.Errorf("the answer to %s: %w", operation, err)
		}
	}
	return nil
}

func queryError(status int, root *xmlNode) error {
	details := root.all("Error")
	if root.XMLName.Local != "ErrorResponse" || len(details) != 1 || root.text("RequestId") == "" {
		return fmt.Errorf("the error %d is not as Query has it: %+v", status, root)
	}
	fault := smithy.FaultClient
	if details[0].text("Type") == "Receiver" {
		fault = smithy.FaultServer
	}
	return &smithy.GenericAPIError{Code: details[0].text("Code"), Message: details[0].text("Message"), Fault: fault}
}

// queryCall makes a call with an output of type T.
func queryCall[T any](ctx context.Context, c *queryClient, operation string, in any) (*T, error) {
	out := new(T)
	if err := c.call(ctx, operation, in, out); err != nil {
		return nil, err
	}
	return out, nil
}
