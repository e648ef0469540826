package events

import "github.com/signalbox-mq/signalbox/httpapi/awsapi"

// operations is the table of all operations, in the order of the documentation: what a client may call, and in which way it
// differs from AWS.
func (a *API) operations() []awsapi.Operation {
	const (
		kept    = "`KmsKeyIdentifier`, `DeadLetterConfig` and `LogConfig` are kept and without effect."
		managed = "What the file declares can not be changed (`AccessDeniedException`)."
		ruled   = "A rule that the file declares can not be changed (`ManagedRuleException`)."
		policy  = "The policy is kept and not enforced."
		private = "Connections to private APIs (`ConnectivityParameters`) are refused."
	)
	return []awsapi.Operation{
		awsapi.Op("PutEvents", a.putEvents).Differs("The entries for one bus are accepted in one commit. `EndpointId` is refused."),
		awsapi.Op("TestEventPattern", a.testPattern),

		awsapi.Op("CreateEventBus", a.createBus).Differs("`EventSourceName` is refused. " + kept),
		awsapi.Op("DescribeEventBus", a.describeBus),
		awsapi.Op("UpdateEventBus", a.updateBus).Differs("What is not given stays as it is. " + managed),
		awsapi.Op("ListEventBuses", a.listBuses),
		awsapi.Op("DeleteEventBus", a.deleteBus).Differs("Done when it is answered, with the retained events. A bus with rules or archives can not be deleted (`ValidationException`). " + managed),
		awsapi.Op("PutPermission", a.putPermission).Differs(policy),
		awsapi.Op("RemovePermission", a.removePermission).Differs(policy),

		awsapi.Op("PutRule", a.putRule).Differs("In force, on every node, when it is answered. " + ruled),
		awsapi.Op("DescribeRule", a.describeRule).Differs("A rule that the file declares is `ManagedBy` the `router`."),
		awsapi.Op("ListRules", a.listRules),
		awsapi.Op("EnableRule", a.enableRule).Differs(ruled),
		awsapi.Op("DisableRule", a.disableRule).Differs(ruled),
		awsapi.Op("DeleteRule", a.deleteRule).Differs("`Force` does not matter. " + ruled),
		awsapi.Op("ListRuleNamesByTarget", a.listRulesByTarget),

		awsapi.Op("PutTargets", a.putTargets).Differs("All targets are put, or none. Those that the router does not have are refused (`ValidationException`). " + ruled),
		awsapi.Op("RemoveTargets", a.removeTargets).Differs("`Force` does not matter. " + ruled),
		awsapi.Op("ListTargetsByRule", a.listTargets),

		awsapi.Op("CreateArchive", a.createArchive).Differs("The archive has no rule `Events-Archive-…`. `KmsKeyIdentifier` is kept and without effect."),
		awsapi.Op("DescribeArchive", a.describeArchive).Differs("`EventCount` and `SizeBytes` are exact at once."),
		awsapi.Op("UpdateArchive", a.updateArchive).Differs(managed),
		awsapi.Op("ListArchives", a.listArchives),
		awsapi.Op("DeleteArchive", a.deleteArchive).Differs(managed),

		awsapi.Op("StartReplay", a.startReplay),
		awsapi.Op("DescribeReplay", a.describeReplay),
		awsapi.Op("ListReplays", a.listReplays),
		awsapi.Op("CancelReplay", a.cancelReplay),

		awsapi.Op("CreateConnection", a.createConnection).Differs("The secrets are in the store of the router; `SecretArn` names nothing. " + private),
		awsapi.Op("DescribeConnection", a.describeConnection),
		awsapi.Op("UpdateConnection", a.updateConnection).Differs("What is not given stays as it is. " + managed),
		awsapi.Op("ListConnections", a.listConnections),
		awsapi.Op("DeauthorizeConnection", a.deauthorizeConnection).Differs(managed),
		awsapi.Op("DeleteConnection", a.deleteConnection).Differs("Done when it is answered. " + managed),

		awsapi.Op("CreateApiDestination", a.createDestination).Differs("`InvocationEndpoint` may be `http://` too. It is called only where [`egress`](configuration.md#egress) lets it."),
		awsapi.Op("DescribeApiDestination", a.describeDestination),
		awsapi.Op("UpdateApiDestination", a.updateDestination).Differs(managed),
		awsapi.Op("ListApiDestinations", a.listDestinations),
		awsapi.Op("DeleteApiDestination", a.deleteDestination).Differs("What waits for it becomes dead letters. " + managed),

		awsapi.Op("TagResource", a.tagResource).Differs("Rules and buses have tags."),
		awsapi.Op("UntagResource", a.untagResource),
		awsapi.Op("ListTagsForResource", a.listTags),
	}
}
