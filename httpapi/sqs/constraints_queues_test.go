package sqs_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

func TestConstraintsOfNames(t *testing.T) {
	t.Parallel()
	const (
		standard = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
		fifo     = "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length."
	)
	var rows []refusal
	for _, name := range []string{"a b", "a.b", "a/b", "é", "a.fifo", strings.Repeat("a", 81)} {
		rows = append(rows, refusal{"CreateQueue", `{"QueueName":"` + name + `"}`, invalidParameter, standard})
	}
	for _, name := range []string{"a", ".fifo", "a.b.fifo", "a.FIFO", strings.Repeat("a", 76) + ".fifo"} {
		rows = append(rows, refusal{"CreateQueue", `{"QueueName":"` + name + `","Attributes":{"FifoQueue":"true"}}`, invalidParameter, fifo})
	}
	refuse(t, rows, func(*env) {})
	both(t, func(_ *testing.T, e *env, p awstest.Protocol) {
		e.ok(p, "CreateQueue", `{"QueueName":"`+strings.Repeat("a", 80)+`"}`)
		e.ok(p, "CreateQueue", `{"QueueName":"`+strings.Repeat("a", 75)+`.fifo","Attributes":{"FifoQueue":"true"}}`)
	})
}

// attributeFaults are values that no attribute takes, of a standard or a FIFO queue.
func attributeFaults() (standard, fifo []refusal) {
	bad := func(attribute string) string { return "Invalid value for the parameter " + attribute + "." }
	for _, c := range []struct {
		name        string
		least, most int
	}{
		{"DelaySeconds", 0, 900},
		{"MaximumMessageSize", 1024, 1048576},
		{"MessageRetentionPeriod", 60, 1209600},
		{"ReceiveMessageWaitTimeSeconds", 0, 20},
		{"VisibilityTimeout", 0, 43200},
		{"KmsDataKeyReusePeriodSeconds", 60, 86400},
	} {
		for _, value := range []string{strconv.Itoa(c.least - 1), strconv.Itoa(c.most + 1), "x", "1.5", "99999999999999999999"} {
			standard = append(standard, refusal{c.name, value, "InvalidAttributeValue", bad(c.name)})
		}
	}
	for _, c := range [][2]string{
		{"Policy", "x"}, {"Policy", "[]"}, {"Policy", `{"a":`}, {"Policy", `{"a":"` + strings.Repeat("x", 8192) + `"}`},
		{"SqsManagedSseEnabled", "yes"}, {"SqsManagedSseEnabled", ""},
	} {
		standard = append(standard, refusal{c[0], c[1], "InvalidAttributeValue", bad(c[0])})
	}
	for _, name := range []string{"Colour", "All", "delayseconds", "QueueArn", "CreatedTimestamp", "ApproximateNumberOfMessages", "FifoQueue", "ContentBasedDeduplication"} {
		standard = append(standard, refusal{name, "false", "InvalidAttributeName", "Unknown Attribute " + name + "."})
	}
	for _, name := range []string{"DeduplicationScope", "FifoThroughputLimit"} {
		standard = append(standard, refusal{name, "x", "InvalidAttributeName", "You can specify the " + name + " only when FifoQueue is set to true."})
		fifo = append(fifo, refusal{name, "x", "InvalidAttributeValue", bad(name)})
	}
	fifo = append(fifo,
		refusal{"ContentBasedDeduplication", "yes", "InvalidAttributeValue", bad("ContentBasedDeduplication")},
		refusal{"FifoThroughputLimit", "perMessageGroupId", "InvalidAttributeValue", "Invalid value for the parameter FifoThroughputLimit. Reason: perMessageGroupId can only be used with DeduplicationScope messageGroup."},
	)
	return standard, fifo
}

func TestConstraintsOfAttributes(t *testing.T) {
	t.Parallel()
	standard, fifo := attributeFaults()
	var rows []refusal
	add := func(faults []refusal, queue, also string) {
		for _, f := range faults {
			given := fmt.Sprintf("%q:%q", f.operation, f.input)
			rows = append(rows,
				refusal{"CreateQueue", `{"QueueName":"new` + queue[1:] + `","Attributes":{` + also + given + `}}`, f.name, f.message},
				refusal{"SetQueueAttributes", `{"QueueUrl":"` + queue + `","Attributes":{` + given + `}}`, f.name, f.message},
			)
		}
	}
	add(standard, "q", "")
	add(fifo, "q.fifo", `"FifoQueue":"true",`)
	rows = append(rows,
		refusal{"SetQueueAttributes", `{"QueueUrl":"q.fifo","Attributes":{"FifoQueue":"false"}}`, "InvalidAttributeValue", "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."},
		refusal{"SetQueueAttributes", `{"QueueUrl":"q","Attributes":{"FifoQueue":"true"}}`, "InvalidAttributeName", "Unknown Attribute FifoQueue."},
		refusal{"SetQueueAttributes", `{"QueueUrl":"q","Attributes":{"KmsMasterKeyId":"k","SqsManagedSseEnabled":"true"}}`, "InvalidAttributeValue",
			"You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."},
		refusal{"GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["Colour"]}`, "InvalidAttributeName", "Unknown Attribute Colour."},
		refusal{"GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["QueueArn",""]}`, "InvalidAttributeName", "Unknown Attribute ."},
	)
	refuse(t, rows, func(e *env) { e.create("q", "q.fifo") })
	both(t, func(_ *testing.T, e *env, p awstest.Protocol) { // what is at the limits
		e.create("q", "q.fifo")
		for _, of := range []string{
			`"DelaySeconds":"0","MaximumMessageSize":"1024","MessageRetentionPeriod":"60","ReceiveMessageWaitTimeSeconds":"0","VisibilityTimeout":"0","KmsDataKeyReusePeriodSeconds":"60"`,
			`"DelaySeconds":"900","MaximumMessageSize":"1048576","MessageRetentionPeriod":"1209600","ReceiveMessageWaitTimeSeconds":"20","VisibilityTimeout":"43200","KmsDataKeyReusePeriodSeconds":"86400"`,
		} {
			e.ok(p, "SetQueueAttributes", `{"QueueUrl":"q","Attributes":{`+of+`}}`)
		}
		e.ok(p, "SetQueueAttributes", `{"QueueUrl":"q.fifo","Attributes":{"FifoQueue":"true","DeduplicationScope":"messageGroup","FifoThroughputLimit":"perMessageGroupId"}}`)
	})
}

func TestConstraintsOfRedrivePolicies(t *testing.T) {
	t.Parallel()
	target := `"deadLetterTargetArn":"` + arn("dead") + `"`
	const counts = ", valid values are from 1 to 1000 both inclusive."
	var rows []refusal
	add := func(attribute, value, reason string) {
		rows = append(rows, refusal{"SetQueueAttributes", fmt.Sprintf(`{"QueueUrl":"q","Attributes":{%q:%q}}`, attribute, value), invalidParameter, outOf(value, attribute, reason)})
	}
	redrive := func(value, reason string) { add("RedrivePolicy", value, reason) }
	redrive(`x`, "Redrive policy is not a valid JSON map.")
	redrive(`[]`, "Redrive policy is not a valid JSON map.")
	redrive(`null`, "Redrive policy is not a valid JSON map.")
	redrive(`{`+target+`}`, "Redrive policy does not contain mandatory attribute: maxReceiveCount.")
	redrive(`{"maxReceiveCount":1}`, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
	for _, n := range []string{"0", "1001", "-1", "1.5"} {
		redrive(`{`+target+`,"maxReceiveCount":`+n+`}`, "Invalid value for maxReceiveCount: "+n+counts)
	}
	redrive(`{`+target+`,"maxReceiveCount":"x"}`, "Invalid value for maxReceiveCount"+counts)
	redrive(`{"deadLetterTargetArn":"dead","maxReceiveCount":1}`, "Invalid value for deadLetterTargetArn.")
	redrive(`{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:000000000000:dead","maxReceiveCount":1}`, "Dead letter target must be owned by the same account and in the same region as the source.")
	redrive(`{"deadLetterTargetArn":"`+arn("q.fifo")+`","maxReceiveCount":1}`, "Dead-letter queue must be same type of queue as the source.")

	const can = "Amazon SQS can't create the redrive allow policy"
	allow := func(value, reason string) { add("RedriveAllowPolicy", value, reason) }
	allow(`x`, can+", as it isn't valid JSON.")
	allow(`[]`, can+", as it isn't valid JSON.")
	allow(`{}`, can+". The redrivePermission must be allowAll, denyAll or byQueue.")
	allow(`{"redrivePermission":"some"}`, can+". The redrivePermission must be allowAll, denyAll or byQueue.")
	allow(`{"redrivePermission":"denyAll","sourceQueueArns":["`+arn("q")+`"]}`, can+". You can specify sourceQueueArns only when redrivePermission is byQueue.")
	allow(`{"redrivePermission":"byQueue"}`, can+". Specify 1 to 10 sourceQueueArns.")
	eleven := `"` + strings.Join(strings.Split(strings.Repeat(arn("q")+" ", 10)+arn("q"), " "), `","`) + `"`
	allow(`{"redrivePermission":"byQueue","sourceQueueArns":[`+eleven+`]}`, can+". Specify 1 to 10 sourceQueueArns.")
	allow(`{"redrivePermission":"byQueue","sourceQueueArns":["q"]}`, can+". q is not the ARN of a queue of the same account and region.")
	refuse(t, rows, func(e *env) { e.create("q", "dead", "q.fifo") })
	both(t, func(t *testing.T, e *env, p awstest.Protocol) {
		e.create("q", "dead")
		for _, n := range []string{"1", "1000", `"7"`} {
			e.ok(p, "SetQueueAttributes", fmt.Sprintf(`{"QueueUrl":"q","Attributes":{"RedrivePolicy":%q}}`, `{`+target+`,"maxReceiveCount":`+n+`}`))
		}
		a := e.call(p, "SetQueueAttributes", fmt.Sprintf(`{"QueueUrl":"q","Attributes":{"RedrivePolicy":%q}}`, `{"deadLetterTargetArn":"`+arn("none")+`","maxReceiveCount":1}`))
		if a.Status != 400 || a.Code != "InvalidParameterValue" || !strings.Contains(a.Message, "for parameter RedrivePolicy is invalid. Reason: Dead letter target") {
			t.Errorf("answered %s", a.Body)
		}
	})
}

func TestConstraintsOfTags(t *testing.T) {
	t.Parallel()
	tags := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(`"k%d":"v"`, i)
		}
		return strings.Join(all, ",")
	}
	const keys, values = "Tag keys must be between 1 and 128 characters in length.", "Tag values must be between 0 and 256 characters in length."
	long := strings.Repeat("é", 129)
	refuse(t, []refusal{
		{"TagQueue", `{"QueueUrl":"q","Tags":{` + tags(51) + `}}`, invalidParameter, "Too many tags added for queue q."},
		{"CreateQueue", `{"QueueName":"new","tags":{` + tags(51) + `}}`, invalidParameter, "Too many tags added for queue new."},
		{"TagQueue", `{"QueueUrl":"q","Tags":{"` + long + `":"v"}}`, invalidParameter, keys},
		{"TagQueue", `{"QueueUrl":"q","Tags":{"":"v"}}`, invalidParameter, keys},
		{"TagQueue", `{"QueueUrl":"q","Tags":{"k":"` + long + long + `"}}`, invalidParameter, values},
	}, func(e *env) { e.create("q") })
	both(t, func(_ *testing.T, e *env, p awstest.Protocol) {
		e.create("q")
		e.ok(p, "TagQueue", `{"QueueUrl":"q","Tags":{`+tags(50)+`}}`)
		e.ok(p, "TagQueue", `{"QueueUrl":"q","Tags":{`+tags(50)+`}}`) // the same again
		e.call(p, "TagQueue", `{"QueueUrl":"q","Tags":{"one":"more"}}`).Is("one more", invalidParameter, "Too many tags added for queue q.")
		e.ok(p, "UntagQueue", `{"QueueUrl":"q","TagKeys":["k0","none"]}`)
		e.ok(p, "TagQueue", `{"QueueUrl":"q","Tags":{"`+long[2:]+`":"`+strings.Repeat("é", 256)+`"}}`)
	})
}

func TestConstraintsOfPermissions(t *testing.T) {
	t.Parallel()
	const label = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
	add := func(label, account, actions string) string {
		return `{"QueueUrl":"q","Label":"` + label + `","AWSAccountIds":["` + account + `"],"Actions":[` + actions + `]}`
	}
	long := strings.Repeat("l", 81)
	eight := strings.Repeat(`"SendMessage",`, 7) + `"SendMessage"`
	refuse(t, []refusal{
		{"AddPermission", add("a b", account, `"SendMessage"`), invalidParameter, outOf("a b", "Label", label)},
		{"AddPermission", add(long, account, `"SendMessage"`), invalidParameter, outOf(long, "Label", label)},
		{"AddPermission", add("there", account, `"SendMessage"`), invalidParameter, outOf("there", "Label", "Already exists.")},
		{"AddPermission", add("l", "1", `"SendMessage"`), invalidParameter, outOf("1", "PrincipalId", "Unable to verify.")},
		{"AddPermission", add("l", account, `"Fly"`), invalidParameter, outOf("SQS:Fly", "ActionName", "Please refer to the appropriate WSDL for a list of valid actions.")},
		{"AddPermission", add("l", account, `"CreateQueue"`), invalidParameter, outOf("SQS:CreateQueue", "ActionName", "Only the queue owner is allowed to invoke this action.")},
		{"AddPermission", add("l", account, eight), "OverLimit", "8 Actions were found, maximum allowed is 7."},
		{"RemovePermission", `{"QueueUrl":"q","Label":"none"}`, invalidParameter, outOf("none", "Label", "can't find label.")},
	}, func(e *env) {
		e.create("q")
		e.ok(overJSON, "AddPermission", add("there", account, `"SendMessage"`))
	})
}
