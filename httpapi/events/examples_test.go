package events_test

import "github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"

// examples are inputs of all operations with every member that the model has, but for those of targets that the router does not
// have. Together they need not make sense: what they are for is told before.
func examples() awstest.Examples {
	const (
		busSettings = `"Description":"d","KmsKeyIdentifier":"key","DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:000000000000:dead"},"LogConfig":{"IncludeDetail":"FULL","Level":"INFO"}`
		tags        = `"Tags":[{"Key":"k","Value":"v"}]`
		page        = `"NextToken":"eA==","Limit":10`
		onRule      = `{"Name":"r","EventBusName":"b"}`
		of          = `"arn:aws:events:us-east-1:000000000000:`
		bus         = of + `event-bus/b"`
		archive     = of + `archive/a"`
		connection  = of + `connection/c/9d1e9f3e-5f0f-4c1b-a0a5-7f63f4e8f2f1"`
		archived    = `"ArchiveName":"a","Description":"d","EventPattern":"{\"source\":[\"shop\"]}","RetentionDays":1,"KmsKeyIdentifier":"key"`
		parameters  = `{"HeaderParameters":[{"Key":"h","Value":"1","IsValueSecret":true}],"QueryStringParameters":[{"Key":"q","Value":"2","IsValueSecret":false}],"BodyParameters":[{"Key":"b","Value":"3","IsValueSecret":false}]}`
		private     = `{"ResourceParameters":{"ResourceConfigurationArn":"arn:aws:vpc-lattice:us-east-1:000000000000:resourceconfiguration/rcfg-00000000000000000"}}`
		auth        = `"AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"p"},"ApiKeyAuthParameters":{"ApiKeyName":"k","ApiKeyValue":"v"},"OAuthParameters":{"ClientParameters":{"ClientID":"i","ClientSecret":"s"},"AuthorizationEndpoint":"https://example.com/token","HttpMethod":"POST","OAuthHttpParameters":` + parameters + `},"InvocationHttpParameters":` + parameters + `,"ConnectivityParameters":` + private + `}`
		connected   = `{"Name":"c","Description":"d","AuthorizationType":"BASIC",` + auth + `,"InvocationConnectivityParameters":` + private + `,"KmsKeyIdentifier":"key"}`
		destination = `{"Name":"d","Description":"d","ConnectionArn":` + connection + `,"InvocationEndpoint":"https://example.com/*","HttpMethod":"POST","InvocationRateLimitPerSecond":10}`
		onName      = `{"Name":"n"}`
		onArchive   = `{"ArchiveName":"a"}`
		onReplay    = `{"ReplayName":"p"}`
		target      = `{"Id":"1","Arn":"arn:aws:sqs:us-east-1:000000000000:q","RoleArn":"arn:aws:iam::000000000000:role/r","Input":"1","InputPath":"$.detail","InputTransformer":{"InputPathsMap":{"a":"$.detail.a"},"InputTemplate":"{\"a\":<a>}"},"SqsParameters":{"MessageGroupId":"g"},` +
			`"HttpParameters":{"PathParameterValues":["x"],"HeaderParameters":{"h":"1"},"QueryStringParameters":{"q":"2"}},"DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:000000000000:dead"},"RetryPolicy":{"MaximumRetryAttempts":3,"MaximumEventAgeInSeconds":60}}`
	)
	return awstest.Examples{
		"PutEvents":        `{"Entries":[{"Time":1700000000,"Source":"shop","Resources":["r"],"DetailType":"t","Detail":"{}","EventBusName":"b","TraceHeader":"Root=1"}],"EndpointId":"a.b"}`,
		"TestEventPattern": `{"EventPattern":"{\"source\":[\"shop\"]}","Event":"{\"id\":\"1\",\"account\":\"1\",\"source\":\"shop\",\"time\":\"2026-01-01T00:00:00Z\",\"region\":\"r\",\"resources\":[],\"detail-type\":\"t\"}"}`,

		"CreateEventBus":   `{"Name":"b","EventSourceName":"aws.partner/a/b",` + busSettings + `,` + tags + `}`,
		"DescribeEventBus": onName, "DeleteEventBus": onName,
		"UpdateEventBus":   `{"Name":"b",` + busSettings + `}`,
		"ListEventBuses":   `{"NamePrefix":"b",` + page + `}`,
		"PutPermission":    `{"EventBusName":"b","Action":"events:PutEvents","Principal":"111111111111","StatementId":"s","Condition":{"Type":"StringEquals","Key":"aws:PrincipalOrgID","Value":"o-1"},"Policy":"{}"}`,
		"RemovePermission": `{"EventBusName":"b","StatementId":"s","RemoveAllPermissions":false}`,

		"PutRule":      `{"Name":"r","EventBusName":"b","EventPattern":"{\"source\":[\"shop\"]}","ScheduleExpression":"rate(1 day)","State":"ENABLED","Description":"d","RoleArn":"arn:aws:iam::000000000000:role/r",` + tags + `}`,
		"DescribeRule": onRule, "EnableRule": onRule, "DisableRule": onRule,
		"ListRules":             `{"NamePrefix":"r","EventBusName":"b",` + page + `}`,
		"DeleteRule":            `{"Name":"r","EventBusName":"b","Force":true}`,
		"ListRuleNamesByTarget": `{"TargetArn":"arn:aws:sqs:us-east-1:000000000000:q","EventBusName":"b",` + page + `}`,

		"PutTargets":        `{"Rule":"r","EventBusName":"b","Targets":[` + target + `]}`,
		"RemoveTargets":     `{"Rule":"r","EventBusName":"b","Ids":["1"],"Force":true}`,
		"ListTargetsByRule": `{"Rule":"r","EventBusName":"b",` + page + `}`,

		"CreateArchive":   `{"EventSourceArn":` + bus + `,` + archived + `}`,
		"UpdateArchive":   `{` + archived + `}`,
		"DescribeArchive": onArchive, "DeleteArchive": onArchive,
		"ListArchives": `{"NamePrefix":"a","EventSourceArn":` + bus + `,"State":"ENABLED",` + page + `}`,

		"StartReplay":    `{"ReplayName":"p","Description":"d","EventSourceArn":` + archive + `,"EventStartTime":1700000000,"EventEndTime":1700000060,"Destination":{"Arn":` + bus + `,"FilterArns":[` + of + `rule/b/r"]}}`,
		"DescribeReplay": onReplay, "CancelReplay": onReplay,
		"ListReplays": `{"NamePrefix":"p","EventSourceArn":` + archive + `,"State":"RUNNING",` + page + `}`,

		"CreateConnection": connected, "UpdateConnection": connected,
		"DescribeConnection": onName, "DeauthorizeConnection": onName, "DeleteConnection": onName,
		"ListConnections": `{"NamePrefix":"c","ConnectionState":"AUTHORIZED",` + page + `}`,

		"CreateApiDestination": destination, "UpdateApiDestination": destination,
		"DescribeApiDestination": onName, "DeleteApiDestination": onName,
		"ListApiDestinations": `{"NamePrefix":"d","ConnectionArn":` + connection + `,` + page + `}`,

		"TagResource":         `{"ResourceARN":` + bus + `,` + tags + `}`,
		"UntagResource":       `{"ResourceARN":` + bus + `,"TagKeys":["k"]}`,
		"ListTagsForResource": `{"ResourceARN":` + bus + `}`,
	}
}
