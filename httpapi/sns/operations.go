package sns

import "github.com/signalbox-mq/signalbox/httpapi/awsapi"

// operations is the table of all operations, in the order of the documentation: what a client may call, and in which way it
// differs from AWS.
func (a *API) operations() []awsapi.Operation {
	const managed = "A topic that the file declares can not be changed (`AuthorizationError`)."
	return []awsapi.Operation{
		awsapi.Op("CreateTopic", a.createTopic),
		awsapi.Op("DeleteTopic", a.deleteTopic).Differs("Done when it is answered, with its subscriptions. A topic that the file declares can not be deleted (`AuthorizationError`)."),
		awsapi.Op("ListTopics", a.listTopics),
		awsapi.Op("GetTopicAttributes", a.getTopicAttributes),
		awsapi.Op("SetTopicAttributes", a.setTopicAttributes).Differs("In force when it is answered. " + managed),
		awsapi.Op("AddPermission", a.addPermission).Differs("The policy is kept and not enforced."),
		awsapi.Op("RemovePermission", a.removePermission).Differs("The policy is kept and not enforced."),
		awsapi.Op("TagResource", a.tagResource),
		awsapi.Op("UntagResource", a.untagResource),
		awsapi.Op("ListTagsForResource", a.listTags),
		awsapi.Op("PutDataProtectionPolicy", a.putDataProtection).Differs("The policy is kept and without effect."),
		awsapi.Op("GetDataProtectionPolicy", a.getDataProtection),

		awsapi.Op("Subscribe", a.subscribe).Differs("The protocols are `sqs`, `lambda`, `http` and `https`. Whoever subscribes a queue or function, of whichever account, need not confirm it."),
		awsapi.Op("ConfirmSubscription", a.confirmSubscription),
		awsapi.Op("Unsubscribe", a.unsubscribe).Differs("A subscription that the file declares can not be ended (`AuthorizationError`)."),
		awsapi.Op("ListSubscriptions", a.listSubscriptions).Differs("Those of the topics of the caller's account and region."),
		awsapi.Op("ListSubscriptionsByTopic", a.listSubscriptionsByTopic),
		awsapi.Op("GetSubscriptionAttributes", a.getSubscriptionAttributes),
		awsapi.Op("SetSubscriptionAttributes", a.setSubscriptionAttributes).Differs("In force when it is answered, not up to 15 minutes later. A subscription that the file declares can not be changed (`AuthorizationError`)."),

		awsapi.Op("Publish", a.publish).Differs("`TargetArn` is that of a topic. `PhoneNumber` is refused."),
		awsapi.Op("PublishBatch", a.publishBatch).Differs("To a standard topic the messages that are valid are accepted all together or not at all."),
	}
}
