package sns

import (
	"bytes"
	"encoding/json"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

const (
	structureJSON = "json"
	defaultEntry  = "default"
)

// perProtocol reads a message of which each protocol gets its own: an object of texts, of which one is the default.
func perProtocol(message []byte) (body []byte, variants map[string][]byte, _ *awsapi.Error) {
	texts, ok := readTexts(message)
	if !ok {
		return nil, nil, invalidParameter("Message Structure - JSON message body failed to parse")
	}
	text, ok := texts[defaultEntry]
	if !ok {
		return nil, nil, invalidParameter("Message Structure - No default entry in JSON message body")
	}
	for _, protocol := range []string{protocolSQS, protocolLambda, protocolHTTP, protocolHTTPS} {
		if text, ok := texts[protocol]; ok {
			if variants == nil {
				variants = make(map[string][]byte)
			}
			variants[protocol] = []byte(text)
		}
	}
	return []byte(text), variants, nil
}

// readTexts reads the members of an object that are texts. It fails if text is no object, or if a key is there twice.
func readTexts(text []byte) (map[string]string, bool) {
	if !json.Valid(text) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return nil, false
	}
	texts := make(map[string]string)
	seen := make(map[string]bool)
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, false
		}
		name, _ := key.(string)
		var value any
		if err := dec.Decode(&value); err != nil || seen[name] {
			return nil, false
		}
		seen[name] = true
		if s, ok := value.(string); ok {
			texts[name] = s
		}
	}
	return texts, true
}
