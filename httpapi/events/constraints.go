package events

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

// What the service's model demands of texts, by the names of its shapes.

const (
	namePattern        = `[\.\-_A-Za-z0-9]+`
	busNamePattern     = `[/\.\-_A-Za-z0-9]+`
	busPattern         = `(arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[/\.\-_A-Za-z0-9]+`
	ownBusPattern      = `(arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[\.\-_A-Za-z0-9]+`
	resourceARNPattern = `^arn:aws([a-z]|\-)*:events:([a-z]|\d|\-)*:([0-9]{12})?:.+\/.+$`
	connectionPattern  = `^arn:aws([a-z]|\-)*:events:([a-z]|\d|\-)*:([0-9]{12})?:connection\/[\.\-_A-Za-z0-9]+\/[\-A-Za-z0-9]+$`
	urlPattern         = `^((%[0-9A-Fa-f]{2}|[-()_.!~*';/?:@\x26=+$,A-Za-z0-9])+)([).!';/?:,])?$`
	authPattern        = `^[ \t]*[^\x00-\x1F:\x7F]+([ \t]+[^\x00-\x1F:\x7F]+)*[ \t]*$`
)

const (
	maxARN         = 1600
	maxDescription = 512
	maxBusName     = 256
)

var (
	anyARN          = awsapi.TextRule{Least: 1, Most: maxARN}.Compiled()
	resourceARN     = awsapi.TextRule{Least: 1, Most: maxARN, Pattern: resourceARNPattern}.Compiled()
	connectionARNIs = awsapi.TextRule{Least: 1, Most: maxARN, Pattern: connectionPattern}.Compiled()
	nextToken       = awsapi.TextRule{Least: 1, Most: 2048}.Compiled()
	description     = awsapi.TextRule{Most: maxDescription}.Compiled()
	// oneLine is the description of things that were added later.
	oneLine        = awsapi.TextRule{Most: maxDescription, Pattern: `.*`}.Compiled()
	kmsKey         = awsapi.TextRule{Most: 2048, Pattern: `^[a-zA-Z0-9_\-/:]*$`}.Compiled()
	busNameIs      = awsapi.TextRule{Least: 1, Most: maxBusName, Pattern: busNamePattern}.Compiled()
	ownBusName     = awsapi.TextRule{Least: 1, Most: maxBusName, Pattern: namePattern}.Compiled()
	partnerSource  = awsapi.TextRule{Least: 1, Most: maxBusName, Pattern: `aws\.partner(/[\.\-_A-Za-z0-9]+){2,}`}.Compiled()
	logDetail      = awsapi.TextRule{OneOf: []string{"NONE", "FULL"}}.Compiled()
	logLevel       = awsapi.TextRule{OneOf: []string{"OFF", "ERROR", "INFO", "TRACE"}}.Compiled()
	action         = awsapi.TextRule{Least: 1, Most: 64, Pattern: `events:[a-zA-Z]+`}.Compiled()
	principal      = awsapi.TextRule{Least: 1, Most: 12, Pattern: `(\d{12}|\*)`}.Compiled()
	statementID    = awsapi.TextRule{Least: 1, Most: 64, Pattern: `[a-zA-Z0-9-_]+`}.Compiled()
	name64         = awsapi.TextRule{Least: 1, Most: 64, Pattern: namePattern}.Compiled()
	eventPattern   = awsapi.TextRule{Most: maxPattern}.Compiled()
	scheduleText   = awsapi.TextRule{Most: 256}.Compiled()
	ruleState      = awsapi.TextRule{OneOf: []string{stateEnabled, stateDisabled, stateEnabledWithAll}}.Compiled()
	tagValue       = awsapi.TextRule{Most: awsapi.MaxTagValue}.Compiled()
	tagKey         = awsapi.TextRule{Least: 1, Most: awsapi.MaxTagKey}.Compiled()
	archiveNameIs  = awsapi.TextRule{Least: 1, Most: 48, Pattern: namePattern}.Compiled()
	archiveState   = awsapi.TextRule{OneOf: []string{"ENABLED", "DISABLED", "CREATING", "UPDATING", "CREATE_FAILED", "UPDATE_FAILED"}}.Compiled()
	replayState    = awsapi.TextRule{OneOf: []string{"STARTING", "RUNNING", "CANCELLING", "COMPLETED", "CANCELLED", "FAILED"}}.Compiled()
	endpointID     = awsapi.TextRule{Least: 1, Most: 50, Pattern: `^[A-Za-z0-9\-]+[\.][A-Za-z0-9\-]+$`}.Compiled()
	httpURL        = awsapi.TextRule{Least: 1, Most: 2048, Pattern: urlPattern}.Compiled()
	httpMethod     = awsapi.TextRule{OneOf: []string{"POST", "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"}}.Compiled()
	oauthMethod    = awsapi.TextRule{OneOf: []string{"GET", "POST", "PUT"}}.Compiled()
	authType       = awsapi.TextRule{OneOf: []string{"BASIC", "OAUTH_CLIENT_CREDENTIALS", "API_KEY"}}.Compiled()
	authText       = awsapi.TextRule{Least: 1, Most: 512, Pattern: authPattern}.Compiled()
	headerKey      = awsapi.TextRule{Most: 512, Pattern: "^[!#$%&'*+-.^_`|~0-9a-zA-Z]+$"}.Compiled()
	headerValue    = awsapi.TextRule{Most: 512, Pattern: `^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$`}.Compiled()
	queryKey       = awsapi.TextRule{Most: 512, Pattern: `[^\x00-\x1F\x7F]+`}.Compiled()
	queryValue     = awsapi.TextRule{Most: 512, Pattern: `[^\x00-\x09\x0B\x0C\x0E-\x1F\x7F]+`}.Compiled()
	connectedState = awsapi.TextRule{OneOf: []string{
		"CREATING", "UPDATING", "DELETING", "AUTHORIZED", "DEAUTHORIZED", "AUTHORIZING", "DEAUTHORIZING", "ACTIVE", "FAILED_CONNECTIVITY",
	}}.Compiled()
	targetInput     = awsapi.TextRule{Most: 8192}.Compiled()
	targetInputPath = awsapi.TextRule{Most: 256}.Compiled()
	template        = awsapi.TextRule{Least: 1, Most: 8192}.Compiled()
	pathKey         = awsapi.TextRule{Least: 1, Most: 256, Pattern: `[A-Za-z0-9\_\-]+`}.Compiled()
	resourceIs      = awsapi.TextRule{Most: 2048, Pattern: `^(?:^arn:[a-z0-9\-]+:vpc-lattice:[a-zA-Z0-9\-]+:\d{12}:resourceconfiguration/rcfg-[0-9a-z]{17}$|^$)`}.Compiled()
	messageGroup    = awsapi.TextRule{Most: 100}.Compiled()
)

// hidden stands for a secret in what a client is told of it.
const hidden = "***"

// secret holds a secret against a rule, and does not tell it.
func secret(c *awsapi.Constraints, path, value string, rule *awsapi.TextRule) {
	if rule.Takes(value) {
		return
	}
	shown, n := hidden, utf8.RuneCountInString(value)
	if n < rule.Least || n > rule.Most {
		c.Length(path, shown, n, rule.Least, rule.Most)
		return
	}
	c.Add(awsapi.Violation{Path: path, Value: &shown, Must: "Member must satisfy regular expression pattern: " + rule.Pattern})
}

// optionalSecret is secret for one that need not be there.
func optionalSecret(c *awsapi.Constraints, path, value string, rule *awsapi.TextRule) {
	if value != "" {
		secret(c, path, value, rule)
	}
}

// tags holds tags against the model.
func tags(c *awsapi.Constraints, list []awsapi.Tag) {
	for i := range list {
		at := fmt.Sprintf("tags.%d.member.", i+1)
		c.Text(at+"key", list[i].Key, tagKey)
		c.Text(at+"value", list[i].Value, tagValue)
	}
}

// bus holds a parameter that is the name or ARN of a bus against the model, but for the region in it: the router has more of them.
// An empty one is as good as none.
func bus(c *awsapi.Constraints, path, value string) {
	if value == "" {
		return
	}
	c.Length(path, value, utf8.RuneCountInString(value), 1, maxARN)
	if !isBus(value, "/") {
		c.Add(awsapi.Violation{Path: path, Value: &value, Must: "Member must satisfy regular expression pattern: " + busPattern})
	}
}

// isBus says whether text is the name or ARN of a bus. Names may have the characters of extra besides the usual ones.
func isBus[T string | awsapi.Text](text T, extra string) bool {
	at := 0
	if len(text) > 4 && string(text[:4]) == "arn:" {
		_, name, ok := busOfARN(string(text))
		if !ok {
			return false
		}
		at = len(text) - len(name)
	}
	for i := at; i < len(text); i++ {
		if c := text[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return at < len(text)
}

// texts holds the elements of a list against a rule. The framework tells of the whole list.
func texts(c *awsapi.Constraints, path string, list []string, rule *awsapi.TextRule) {
	if slices.ContainsFunc(list, func(s string) bool { return !rule.Takes(s) }) {
		value := "[" + strings.Join(list, ", ") + "]"
		c.Add(awsapi.Violation{Path: path, Value: &value, Must: "Member must satisfy constraint: [" + strings.Join(rule.Musts(), ", ") + "]"})
	}
}

// textMap holds the keys and values of a map against a rule each, of which there may be none.
func textMap(c *awsapi.Constraints, path string, m map[string]string, keys, values *awsapi.TextRule) {
	value := ""
	tell := func(what string, rule *awsapi.TextRule) {
		if value == "" {
			pairs := make([]string, 0, len(m))
			for _, k := range slices.Sorted(maps.Keys(m)) {
				pairs = append(pairs, k+"="+m[k])
			}
			value = "{" + strings.Join(pairs, ", ") + "}"
		}
		c.Add(awsapi.Violation{Path: path, Value: &value, Must: "Map " + what + " must satisfy constraint: [" + strings.Join(rule.Musts(), ", ") + "]"})
	}
	for k := range m {
		if !keys.Takes(k) {
			tell("keys", keys)
			break
		}
	}
	for _, v := range m {
		if !values.Takes(v) {
			tell("value", values)
			break
		}
	}
}
