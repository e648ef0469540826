package sns_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

// Codes of errors.
const (
	invalidParameter      = "InvalidParameter"
	parameterValueInvalid = "ParameterValueInvalid"
	notFound              = "NotFound"
	validationError       = "ValidationError"
)

// refusal is a request that has to fail, and how.
type refusal struct{ operation, input, code, message string }

// refuse tries all of them.
func (e *env) refuse(rows []refusal) {
	e.tb.Helper()
	for _, row := range rows {
		e.client.Refuse(row.operation, row.input, row.code, row.message)
	}
}

// TestARNs has every operation on a topic with ARNs that are none, or of no topic.
func TestARNs(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	for _, x := range []struct{ operation, parameter, more, absent string }{
		{"GetTopicAttributes", "TopicArn", ``, notFound},
		{"SetTopicAttributes", "TopicArn", `,"AttributeName":"DisplayName"`, notFound},
		{"DeleteTopic", "TopicArn", ``, ""},
		{"Subscribe", "TopicArn", `,"Protocol":"sqs","Endpoint":"` + queueARN("q") + `"`, notFound},
		{"ListSubscriptionsByTopic", "TopicArn", ``, notFound},
		{"Publish", "TopicArn", `,"Message":"m"`, notFound},
		{"PublishBatch", "TopicArn", `,"PublishBatchRequestEntries":[{"Id":"1","Message":"m"}]`, notFound},
		{"AddPermission", "TopicArn", `,"Label":"l","AWSAccountId":["111111111111"],"ActionName":["Publish"]`, notFound},
		{"RemovePermission", "TopicArn", `,"Label":"l"`, notFound},
		{"GetDataProtectionPolicy", "ResourceArn", ``, notFound},
		{"PutDataProtectionPolicy", "ResourceArn", `,"DataProtectionPolicy":"{}"`, notFound},
		{"ListTagsForResource", "ResourceArn", ``, "ResourceNotFound"},
		{"TagResource", "ResourceArn", `,"Tags":[{"Key":"k","Value":"v"}]`, "ResourceNotFound"},
		{"UntagResource", "ResourceArn", `,"TagKeys":["k"]`, "ResourceNotFound"},
	} {
		call := func(arn string) *awstest.Answer {
			return e.call(x.operation, `{"`+x.parameter+`":"`+arn+`"`+x.more+`}`)
		}
		reason := "Invalid parameter: " + x.parameter + " Reason: An ARN must have at least 6 elements, not "
		call("random").Is(x.operation, invalidParameter, reason+"1")
		call("arn:aws:sns:us-east-1:t").Is(x.operation, invalidParameter, reason+"5")
		call("arn:aws:sns:eu-west-1:"+account+":t").Is(x.operation+" in another region", invalidParameter, "Invalid parameter: "+x.parameter)
		call(queueARN("t")).Is(x.operation, invalidParameter, "Invalid parameter: "+x.parameter)
		message := map[string]string{notFound: "Topic does not exist", "ResourceNotFound": "Resource does not exist"}[x.absent]
		call(topicARN("none")).Is(x.operation, x.absent, message)
	}
}

func TestTopicNames(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for name, fifo := range map[string]string{
		"": "", "a b": "", "a.b": "", "a/b": "", "é": "", strings.Repeat("a", 257): "", "a.fifo": "", "a": "true", ".fifo": "true", "b.fifo": "false",
		strings.Repeat("a", 252) + ".fifo": "true",
	} {
		attributes := ""
		if fifo != "" {
			attributes = `,"Attributes":{"FifoTopic":"` + fifo + `"}`
		}
		e.call("CreateTopic", `{"Name":"`+name+`"`+attributes+`}`).Is("CreateTopic "+awstest.Short(name), invalidParameter, "Invalid parameter: Topic Name")
	}
	e.ok("CreateTopic", `{"Name":"`+strings.Repeat("a", 256)+`"}`)
	e.ok("CreateTopic", `{"Name":"`+strings.Repeat("a", 251)+`.fifo","Attributes":{"FifoTopic":"true"}}`)
	e.ok("CreateTopic", `{"Name":"plain","Attributes":{"FifoTopic":"false","ContentBasedDeduplication":"false"}}`)
}

// TestCreateTopicAgain: the same is the same topic, anything else is refused.
func TestCreateTopicAgain(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const policy = `{"http":{"defaultHealthyRetryPolicy":{"numRetries":5}}}`
	first := `{"Name":"t","Attributes":{"DisplayName":"d","SignatureVersion":"2","DeliveryPolicy":` + awstest.Quoted(policy) + `},"Tags":[{"Key":"a","Value":"1"},{"Key":"b","Value":""}]}`
	arn := e.ok("CreateTopic", first).Text("TopicArn")
	if arn != topicARN("t") {
		t.Errorf("the ARN is %s", arn)
	}
	for _, again := range []string{
		first, `{"Name":"t"}`, `{"Name":"t","Attributes":{"DisplayName":"d"}}`, `{"Name":"t","Tags":[{"Key":"b","Value":""},{"Key":"a","Value":"1"}]}`,
		`{"Name":"t","Attributes":{"FifoTopic":"false"}}`,
	} {
		if got := e.ok("CreateTopic", again).Text("TopicArn"); got != arn {
			t.Errorf("%s answered %s", again, got)
		}
	}
	const attributes, tags = "Invalid parameter: Attributes Reason: Topic already exists with different attributes", "Invalid parameter: Tags Reason: Topic already exists with different tags"
	e.refuse([]refusal{
		{"CreateTopic", `{"Name":"t","Attributes":{"DisplayName":"e"}}`, invalidParameter, attributes},
		{"CreateTopic", `{"Name":"t","Attributes":{"KmsMasterKeyId":"k"}}`, invalidParameter, attributes},
		{"CreateTopic", `{"Name":"t","Attributes":{"SignatureVersion":"1"}}`, invalidParameter, attributes},
		{"CreateTopic", `{"Name":"t","Tags":[{"Key":"a","Value":"1"}]}`, invalidParameter, tags},
		{"CreateTopic", `{"Name":"t","Tags":[{"Key":"a","Value":"2"},{"Key":"b","Value":""}]}`, invalidParameter, tags},
		{"CreateTopic", `{"Name":"x","Tags":[{"Key":"a","Value":"2"},{"Key":"a","Value":"2"}]}`, invalidParameter, "Invalid parameter: Duplicated keys are not allowed."},
		{"CreateTopic", `{"Name":"x","Attributes":{"Colour":"red"}}`, invalidParameter, "Invalid parameter: Attributes Reason: AttributeName"},
		{"CreateTopic", `{"Name":"x","Attributes":{"TopicArn":"red"}}`, invalidParameter, "Invalid parameter: Attributes Reason: AttributeName"},
	})
	if got := e.attributes(arn)["DeliveryPolicy"]; got != policy {
		t.Errorf("DeliveryPolicy is %s", got)
	}
}

// TestTopicAttributes has what every topic has, and what only FIFO topics have.
func TestTopicAttributes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const effective = `{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}`
	policy := func(name string) string {
		return `{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow","Principal":{"AWS":"*"},` +
			`"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:Publish"],` +
			`"Resource":"` + topicARN(name) + `","Condition":{"StringEquals":{"AWS:SourceOwner":"` + account + `"}}}]}`
	}
	want := map[string]string{
		"TopicArn": e.topic("t"), "Owner": account, "DisplayName": "", "Policy": policy("t"), "SubscriptionsConfirmed": "0", "SubscriptionsPending": "0",
		"SubscriptionsDeleted": "0", "EffectiveDeliveryPolicy": effective,
	}
	if got := e.attributes(topicARN("t")); !maps.Equal(got, want) {
		t.Errorf("a topic has %v\nwant %v", got, want)
	}
	maps.Copy(want, map[string]string{
		"TopicArn": topicARN("f.fifo"), "Policy": policy("f.fifo"), "FifoTopic": "true", "ContentBasedDeduplication": "false",
	})
	e.ok("CreateTopic", `{"Name":"f.fifo","Attributes":{"FifoTopic":"true"}}`)
	if got := e.attributes(topicARN("f.fifo")); !maps.Equal(got, want) {
		t.Errorf("a FIFO topic has %v\nwant %v", got, want)
	}
}

// TestSetTopicAttributes sets every attribute that can be set and looks at it.
func TestSetTopicAttributes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	set := func(arn, name, value string) string {
		return `{"TopicArn":"` + arn + `","AttributeName":"` + name + `","AttributeValue":` + awstest.Quoted(value) + `}`
	}
	plain, fifo := e.topic("t"), e.topic("f.fifo")
	for _, x := range []struct{ arn, name, value string }{
		{plain, "DisplayName", "Alerts & é"}, {plain, "DisplayName", ""}, {plain, "Policy", `{"Version": "2012-10-17", "Statement": []}`},
		{plain, "KmsMasterKeyId", "alias/aws/sns"}, {plain, "KmsMasterKeyId", ""}, {plain, "SignatureVersion", "2"}, {plain, "SignatureVersion", "1"},
		{plain, "TracingConfig", "Active"}, {plain, "TracingConfig", "PassThrough"}, {plain, "MaximumMessageSize", "1024"},
		{plain, "DeliveryPolicy", `{"http": {"disableSubscriptionOverrides": true}}`}, {plain, "DeliveryPolicy", ""},
		{plain, "HTTPSuccessFeedbackSampleRate", "50"}, {plain, "SQSFailureFeedbackRoleArn", "arn:aws:iam::000000000000:role/r"}, {plain, "LambdaSuccessFeedbackRoleArn", "arn:x"},
		{fifo, "ContentBasedDeduplication", "false"}, {fifo, "ContentBasedDeduplication", "true"}, {fifo, "FifoThroughputScope", "MessageGroup"}, {fifo, "FifoThroughputScope", "Topic"},
		{fifo, "ArchivePolicy", `{"MessageRetentionPeriod":"30"}`}, {fifo, "SignatureVersion", "2"},
	} {
		e.ok("SetTopicAttributes", set(x.arn, x.name, x.value))
		if got := e.attributes(x.arn)[x.name]; got != x.value {
			t.Errorf("%s is %q, want %q", x.name, got, x.value)
		}
	}
	const prefix = "Invalid parameter: "
	rows := []refusal{}
	for _, x := range []struct{ arn, name, value, message string }{
		{plain, "Colour", "red", "AttributeName"}, {plain, "TopicArn", "x", "AttributeName"}, {fifo, "FifoTopic", "true", "AttributeName"},
		{plain, "DisplayName", strings.Repeat("a", 101), "DisplayName: must not be longer than 100 characters"},
		{plain, "DisplayName", "two\nlines", "DisplayName: must not have control characters"},
		{plain, "Policy", "{", "Policy: failed to parse JSON."},
		{plain, "SignatureVersion", "3", "SignatureVersion: Invalid value [3]. Must be 1 or 2."},
		{plain, "TracingConfig", "On", "TracingConfig: Invalid value [On]. Must be PassThrough or Active."},
		{plain, "SQSSuccessFeedbackSampleRate", "101", "SQSSuccessFeedbackSampleRate: Invalid value [101]. Must be between 0 and 100."},
		{plain, "MaximumMessageSize", "1023", "MaximumMessageSize: Invalid value [1023]. Must be between 1024 and 1048576."},
		{plain, "MaximumMessageSize", "1048577", "MaximumMessageSize: Invalid value [1048577]. Must be between 1024 and 1048576."},
		{plain, "DeliveryPolicy", "[]", "DeliveryPolicy: is not a JSON object"},
		{plain, "ContentBasedDeduplication", "true", "Content-based deduplication can only be set for FIFO topics"},
		{plain, "FifoThroughputScope", "Topic", "FifoThroughputScope: can only be set for FIFO topics"},
		{plain, "ArchivePolicy", `{"MessageRetentionPeriod":"1"}`, "ArchivePolicy: can only be set for FIFO topics"},
		{fifo, "ContentBasedDeduplication", "yes", "ContentBasedDeduplication: Invalid value [yes]. Must be true or false."},
		{fifo, "FifoThroughputScope", "Queue", "FifoThroughputScope: Invalid value [Queue]. Must be Topic or MessageGroup."},
		{fifo, "ArchivePolicy", `{"MessageRetentionPeriod":"366"}`, "ArchivePolicy: MessageRetentionPeriod must be between 1 and 365 days"},
		{fifo, "ArchivePolicy", `{"X":1}`, "ArchivePolicy: must have MessageRetentionPeriod and nothing else"},
		{fifo, "ArchivePolicy", `x`, "ArchivePolicy: failed to parse JSON."},
	} {
		rows = append(rows, refusal{"SetTopicAttributes", set(x.arn, x.name, x.value), invalidParameter, prefix + x.message})
	}
	e.refuse(rows)
	if got := e.attributes(fifo)["BeginningArchiveTime"]; !strings.HasSuffix(got, "Z") || len(got) != len("2006-01-02T15:04:05.000Z") {
		t.Errorf("the archive begins %q", got)
	}
	e.call("DeleteTopic", `{"TopicArn":"`+fifo+`"}`).Is("with an archive", "InvalidState", "Invalid state: A topic with an active ArchivePolicy can not be deleted. Set ArchivePolicy to {} first.")
	e.ok("SetTopicAttributes", set(fifo, "ArchivePolicy", "{}"))
	e.ok("DeleteTopic", `{"TopicArn":"`+fifo+`"}`)
}

// TestEffectiveDeliveryPolicy: a new policy is merged with the defaults, and without one these are back.
func TestEffectiveDeliveryPolicy(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	arn := e.topic("t")
	standard := e.attributes(arn)["EffectiveDeliveryPolicy"]
	e.ok("SetTopicAttributes", `{"TopicArn":"`+arn+`","AttributeName":"DeliveryPolicy","AttributeValue":`+awstest.Quoted(`{"http":{"defaultHealthyRetryPolicy":{"numRetries":7},"defaultThrottlePolicy":{"maxReceivesPerSecond":5}}}`)+`}`)
	var got struct {
		HTTP struct {
			DefaultHealthyRetryPolicy struct{ MinDelayTarget, NumRetries int }
			DefaultThrottlePolicy     struct{ MaxReceivesPerSecond int }
			DefaultRequestPolicy      struct{ HeaderContentType string }
		}
	}
	if err := json.Unmarshal([]byte(e.attributes(arn)["EffectiveDeliveryPolicy"]), &got); err != nil {
		t.Fatal(err)
	}
	if h := got.HTTP; h.DefaultHealthyRetryPolicy.NumRetries != 7 || h.DefaultHealthyRetryPolicy.MinDelayTarget != 20 || h.DefaultThrottlePolicy.MaxReceivesPerSecond != 5 ||
		h.DefaultRequestPolicy.HeaderContentType != "text/plain; charset=UTF-8" {
		t.Errorf("in force is %+v", got)
	}
	e.ok("SetTopicAttributes", `{"TopicArn":"`+arn+`","AttributeName":"DeliveryPolicy","AttributeValue":""}`)
	if got := e.attributes(arn)["EffectiveDeliveryPolicy"]; got != standard {
		t.Errorf("without a policy there is %s", got)
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	arn := e.topic("t")
	add := func(label, accounts, actions string) string {
		return `{"TopicArn":"` + arn + `","Label":"` + label + `","AWSAccountId":` + accounts + `,"ActionName":` + actions + `}`
	}
	standard := e.attributes(arn)["Policy"]
	e.ok("AddPermission", add("one", `["111111111111"]`, `["Publish"]`))
	e.ok("AddPermission", add("two", `["111111111111","222222222222"]`, `["Publish","Subscribe"]`))
	var policy struct {
		ID        string `json:"Id"`
		Statement []struct {
			Sid               string
			Principal, Action any
		}
	}
	if err := json.Unmarshal([]byte(e.attributes(arn)["Policy"]), &policy); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(policy.Statement[1:]); policy.ID != "__default_policy_ID" || got !=
		"[{one map[AWS:arn:aws:iam::111111111111:root] SNS:Publish} {two map[AWS:[arn:aws:iam::111111111111:root arn:aws:iam::222222222222:root]] [SNS:Publish SNS:Subscribe]}]" {
		t.Errorf("the policy has %s", got)
	}
	e.refuse([]refusal{
		{"AddPermission", add("one", `["111111111111"]`, `["Publish"]`), invalidParameter, "Invalid parameter: Statement already exists"},
		{"AddPermission", add("x", `["111111111111"]`, `["Fly"]`), invalidParameter, "Invalid parameter: Policy statement action out of service scope!"},
		{"AddPermission", add("x", `["me"]`, `["Publish"]`), invalidParameter, "Invalid parameter: AWSAccountId Reason: me is not an account id of 12 digits"},
		{"AddPermission", add("", `["111111111111"]`, `["Publish"]`), invalidParameter, "Invalid parameter: Label"},
		{"AddPermission", add("x", `[]`, `["Publish"]`), invalidParameter, "Invalid parameter: AWSAccountId"},
		{"AddPermission", add("x", `["111111111111"]`, `[]`), invalidParameter, "Invalid parameter: ActionName"},
	})
	for _, label := range []string{"one", "two", "none"} {
		e.ok("RemovePermission", `{"TopicArn":"`+arn+`","Label":"`+label+`"}`)
	}
	if got := e.attributes(arn)["Policy"]; got != standard {
		t.Errorf("what is left is %s\nwant         %s", got, standard)
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	arn := e.topic("t")
	tags := func() string {
		a := e.ok("ListTagsForResource", `{"ResourceArn":"`+arn+`"}`)
		return fmt.Sprint(a.Texts("Key"), a.Texts("Value"))
	}
	if got := tags(); got != "[] []" {
		t.Errorf("a new topic has %s", got)
	}
	a := e.ok("TagResource", `{"ResourceArn":"`+arn+`","Tags":[{"Key":"b","Value":"2"},{"Key":"a","Value":"1"},{"Key":"empty","Value":""}]}`)
	if !strings.Contains(a.Body, "<TagResourceResult></TagResourceResult>") {
		t.Errorf("answered %s", a.Body)
	}
	e.ok("TagResource", `{"ResourceArn":"`+arn+`","Tags":[{"Key":"a","Value":"3"}]}`)
	e.ok("UntagResource", `{"ResourceArn":"`+arn+`","TagKeys":["b","none"]}`)
	if got := tags(); got != "[a empty] [3 ]" {
		t.Errorf("the topic has %s", got)
	}
	many := make([]string, 51)
	for i := range many {
		many[i] = fmt.Sprintf(`{"Key":"k%d","Value":""}`, i)
	}
	tag := func(list string) string { return `{"ResourceArn":"` + arn + `","Tags":[` + list + `]}` }
	e.refuse([]refusal{
		{"TagResource", tag(`{"Key":"a","Value":""},{"Key":"a","Value":"2"}`), invalidParameter, "Invalid parameter: Duplicated keys are not allowed."},
		{"TagResource", tag(`{"Key":"","Value":""}`), validationError, "1 validation error detected: Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"TagResource", tag(`{"Key":"a"}`), validationError, "1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null"},
		{"TagResource", tag(strings.Join(many, ",")), "TagLimitExceeded", "A topic can have at most 50 tags."},
		{"TagResource", tag(strings.Join(many[:49], ",")), "TagLimitExceeded", "A topic can have at most 50 tags."},
		{"TagResource", `{"ResourceArn":"","Tags":[]}`, validationError, "1 validation error detected: Value '' at 'resourceArn' failed to satisfy constraint: Member must have length greater than or equal to 1"},
	})
}

func TestDataProtection(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	arn := e.topic("t")
	const policy = `{"Name": "p", "Version": "2021-06-01", "Statement": []}`
	e.ok("PutDataProtectionPolicy", `{"ResourceArn":"`+arn+`","DataProtectionPolicy":`+awstest.Quoted(policy)+`}`)
	if got := e.ok("GetDataProtectionPolicy", `{"ResourceArn":"`+arn+`"}`).Text("DataProtectionPolicy"); got != policy {
		t.Errorf("the policy is %s", got)
	}
	e.call("PutDataProtectionPolicy", `{"ResourceArn":"`+arn+`","DataProtectionPolicy":"x"}`).Is("no JSON", invalidParameter, "Invalid parameter: DataProtectionPolicy Reason: failed to parse JSON.")
	e.ok("PutDataProtectionPolicy", `{"ResourceArn":"`+arn+`","DataProtectionPolicy":""}`)
	if got := e.ok("GetDataProtectionPolicy", `{"ResourceArn":"`+arn+`"}`).Texts("DataProtectionPolicy"); len(got) != 0 {
		t.Errorf("there still is %s", got)
	}
}

// TestPagesOfTopics: pages hold 100, and tokens are base64.
func TestPagesOfTopics(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	var want []string
	for i := range 250 {
		want = append(want, e.topic(fmt.Sprintf("t%03d", i)))
	}
	e.ok("CreateTopic", `{"Name":"elsewhere"}`, signed("111111111111", region)...)
	e.ok("CreateTopic", `{"Name":"elsewhere"}`, signed("AKIDEXAMPLE", "eu-west-1")...)
	var got []string
	token := ""
	for pages := 1; ; pages++ {
		a := e.ok("ListTopics", `{"NextToken":"`+token+`"}`)
		arns := a.Texts("TopicArn")
		got = append(got, arns...)
		tokens := a.Texts("NextToken")
		if len(tokens) == 0 {
			if pages != 3 || len(arns) != 50 {
				t.Errorf("the last page, number %d, has %d", pages, len(arns))
			}
			break
		}
		if _, err := base64.StdEncoding.DecodeString(tokens[0]); err != nil || len(arns) != 100 {
			t.Fatalf("page %d has %d, token %q", pages, len(arns), tokens[0])
		}
		token = tokens[0]
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v", got)
	}
	e.call("ListTopics", `{"NextToken":"*"}`).Is("a bad token", invalidParameter, "Invalid parameter: NextToken Reason: Invalid token")
}

// TestDeleteTopic takes the subscriptions with it, and may be repeated.
func TestDeleteTopic(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	arn := e.topic("t")
	e.queue("q")
	subscription := e.subscribe("t", "q")
	e.ok("DeleteTopic", `{"TopicArn":"`+arn+`"}`)
	e.ok("DeleteTopic", `{"TopicArn":"`+arn+`"}`)
	e.call("GetSubscriptionAttributes", `{"SubscriptionArn":"`+subscription+`"}`).Is("of a topic that is gone", notFound, "Subscription does not exist")
	e.topic("t")
	if got := e.ok("ListSubscriptions", `{}`).Texts("SubscriptionArn"); len(got) != 0 {
		t.Errorf("the new topic has %s", got)
	}
}
