package slack

// Names for the tests outside the package.
const MaxSlackBlocks = maxSlackBlocks
const SlackSection = slackSection

var ListLimit = listLimit
var SlackAdvise = advise
var SlackMessage = slackMessage
var TextLimit = textLimit
