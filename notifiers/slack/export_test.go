package slack

// Names for the tests outside the package.
const MaxSlackBlocks = maxSlackBlocks
const SlackSection = slackSection

type SlackOptions = slackOptions

var ListLimit = listLimit
var SlackAdvise = slackAdvise
var SlackMessage = slackMessage
var TextLimit = textLimit
