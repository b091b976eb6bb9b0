package contract

import (
	"slices"
	"strings"
)

// The places of a contract that have custom properties of Llac.
const (
	atContract = "the contract"
	atServer   = "the server"
	atSchema   = "the schema object"
	atProperty = "a property"
	atRule     = "a quality rule"
)

// vocabulary lists the custom properties that Llac reads, by place. docs/contracts.md explains each; a test compares the two.
// Custom properties of other tools are ignored.
var vocabulary = map[string][]string{
	atContract: {"llacLicence", "llacLicenceUrl", "llacAttribution", "llacTimezone"},
	atServer:   {"llacPortal", "llacSourceId", "llacPageSize", "llacParameters", "llacRecheck"},
	atSchema:   {"llacKeyConflict", "llacDrift", "llacRowRules", "llacSlicing", "llacRawPages", "llacUnstaged", "llacZone"},
	atProperty: {
		"llacSource", "llacFormat", "llacInvalid", "llacRepair", "llacNullLiterals", "llacSqueeze", "llacPadLeft", "llacDefault",
		"llacMapping", "llacCheckDigit", "llacCheckDigitExempt", "llacMatch", "llacMatchMethod", "llacMatchConfidence", "llacZone",
		"llacRounding", "llacFolded", "llacNatural",
	},
	atRule: {"llacResponsible"},
}

// earlierVocabulary lists the custom properties that only earlier versions of Llac read, by place.
var earlierVocabulary = map[string][]string{
	atProperty: {"llacStaged"}, // now llacUnstaged of the schema object
}

// customProperties reads the custom properties of one place, by name, and reports unknown ones.
func (d *document) customProperties(holder node, place string) map[string]node {
	known := vocabulary[place]
	out := map[string]node{}
	for _, item := range holder.get("customProperties").items() {
		property := item.get("property")
		name := property.text()
		value := item.get("value")
		switch {
		case slices.Contains(known, name), slices.Contains(earlierVocabulary[place], name):
			if _, twice := out[name]; twice {
				d.report(property, "keep one of the two", "%s is given twice", name)
				continue
			}
			value.path = holder.path + "{" + name + "}"
			out[name] = value
		case strings.HasPrefix(strings.ToLower(name), "llac"):
			if home := placeOf(name); home != "" {
				d.report(property, "move it there", "%s belongs to %s, not to %s", name, home, place)
				continue
			}
			d.report(property, didYouMean(name, known), "unknown custom property %q of %s", name, place)
		}
	}
	return out
}

// placeOf returns the place to which a custom property belongs; empty for an unknown one.
func placeOf(name string) string {
	for place, names := range vocabulary {
		if slices.Contains(names, name) {
			return place
		}
	}
	return ""
}

// stringOf reads a text value. Numbers and words such as null or 01 must be quoted, because their exact text matters.
func (d *document) stringOf(n node) string {
	if !n.exists() {
		return ""
	}
	if !n.isText() {
		d.report(n, `write it in quotes, e.g. "00"`, "must be text")
		return ""
	}
	return n.yaml.Value
}

// stringsOf reads a list of texts.
func (d *document) stringsOf(n node) []string {
	if !n.exists() {
		return nil
	}
	if !n.isSequence() {
		d.report(n, `write ["a", "b"]`, "must be a list of texts")
		return nil
	}
	var out []string
	for _, item := range n.items() {
		if !item.isText() {
			d.report(item, `write it in quotes, e.g. "null" or "2024"`, "must be text")
			continue
		}
		if slices.Contains(out, item.yaml.Value) {
			d.report(item, "", "%q is listed twice", item.yaml.Value)
			continue
		}
		out = append(out, item.yaml.Value)
	}
	return out
}

// textMapOf reads a mapping of texts to texts.
func (d *document) textMapOf(n node) map[string]string {
	if !n.exists() {
		return nil
	}
	if !n.isMapping() {
		d.report(n, `write {"from": "to"}`, "must be a mapping of texts to texts")
		return nil
	}
	out := map[string]string{}
	for _, e := range n.entries() {
		if !e.value.isText() {
			d.report(e.value, `write it in quotes, e.g. "2024"`, "must be text")
			continue
		}
		out[e.name] = e.value.yaml.Value
	}
	return out
}

// flagOf reads true or false; absent is the default.
func (d *document) flagOf(n node, absent bool) bool {
	if !n.exists() {
		return absent
	}
	v, ok := n.flag()
	if !ok {
		d.report(n, "", "must be true or false")
		return absent
	}
	return v
}

// wholeOf reads a whole number of at least low; absent is the default.
func (d *document) wholeOf(n node, low, absent int) int {
	if !n.exists() {
		return absent
	}
	v, ok := n.whole()
	if !ok || v < low {
		d.report(n, "", "must be a whole number of at least %d", low)
		return absent
	}
	return v
}

// choiceOf reads one of the given words; the first is the default.
func (d *document) choiceOf(n node, choices ...string) string {
	if !n.exists() {
		return choices[0]
	}
	v := n.text()
	if !slices.Contains(choices, v) {
		fix := didYouMean(v, choices)
		d.report(n, fix, "%q is not one of %s", v, strings.Join(choices, ", "))
		return choices[0]
	}
	return v
}
