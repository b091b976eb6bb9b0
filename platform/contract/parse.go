package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// FileSuffix ends the name of every contract file; the part before it is the dataset's name.
const FileSuffix = ".odcs.yaml"

// identifier is the form of dataset, column and rule names: they become path segments, SQL names and dbt nodes.
var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

const identifierHint = "use lower-case letters, digits and _, starting with a letter, at most 63 characters"

// Parse reads and checks one contract. Its error is of type Problems and contains every problem of the file, by line. The
// file is checked against the standard's JSON Schema first, then against the rules of Llac. filename appears in problems. If
// it has FileSuffix, the rest of its base name must be the dataset's name.
func Parse(filename string, raw []byte) (*Contract, error) { return parse(filename, raw, false) }

// ParsePinned reads a contract to which a run or a snapshot is pinned by digest. It differs from Parse in one respect: it
// accepts the forms of earlier versions of Llac with their earlier meaning, because such a file can no longer be changed.
func ParsePinned(filename string, raw []byte) (*Contract, error) { return parse(filename, raw, true) }

func parse(filename string, raw []byte, pinned bool) (*Contract, error) {
	d, plain := parseDocument(filename, raw)
	d.pinned = pinned
	if !d.root.exists() {
		return nil, d.problems.sorted()
	}
	if err := d.checkStandard(plain); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	c := &Contract{Raw: raw, SHA256: hex.EncodeToString(sum[:])}
	d.readContract(c)
	if len(d.problems) > 0 {
		return nil, d.problems.sorted()
	}
	return c, nil
}

// readContract decodes the whole document into c and checks it.
func (d *document) readContract(c *Contract) {
	root := d.root
	if v := root.get("apiVersion"); v.isText() && v.text() != "v3.1.0" {
		d.report(v, "write apiVersion: v3.1.0", "Llac supports version 3.1 of the standard")
	}
	if v := root.get("status"); v.exists() {
		d.choiceOf(v, "active", "draft", "proposed", "deprecated", "retired")
	}
	c.Version = root.get("version").text()
	c.Title = d.needText(root, "name", "write the dataset's title for people")
	c.Purpose = d.needText(root.get("description"), "purpose", "write what the data are for")
	c.Owner = d.needText(root.get("team"), "name", "write who is responsible for the dataset")

	custom := d.customProperties(root, atContract)
	c.Licence = d.needCustom(root, custom, "llacLicence", "write the name of the licence under which the source publishes the data")
	c.LicenceURL = d.stringOf(custom["llacLicenceUrl"])
	if c.LicenceURL != "" {
		d.checkAddress(custom["llacLicenceUrl"], c.LicenceURL, true)
	}
	c.Attribution = d.needCustom(root, custom, "llacAttribution", "write the text that must accompany the data")
	d.readSLA(c, custom["llacTimezone"])
	d.readSource(c)

	objects := root.get("schema").items()
	if len(objects) != 1 {
		d.reportAt(orParent(root.get("schema"), root), "schema", "write one contract per dataset",
			"has %d schema objects, must have exactly one", len(objects))
		return
	}
	d.readSchema(c, objects[0])
}

// readSchema decodes the schema object: name, fields, slicing, policies, rules.
func (d *document) readSchema(c *Contract, object node) {
	name := object.get("name")
	c.Dataset = name.text()
	switch {
	case !name.exists():
	case !identifier.MatchString(c.Dataset):
		d.report(name, identifierHint, "%q is not a dataset name", c.Dataset)
	case c.Dataset == "marts":
		d.report(name, "use another name", "%q is reserved: state/marts and runs/marts belong to the marts", c.Dataset)
	default:
		base := filepath.Base(d.file)
		if want, ok := strings.CutSuffix(base, FileSuffix); ok && want != c.Dataset {
			d.report(name, fmt.Sprintf("rename the file to %s%s, or rename the dataset", c.Dataset, FileSuffix),
				"the file %s must contain the dataset %q, not %q", base, want, c.Dataset)
		}
	}
	if physical := object.get("physicalName"); physical.isText() && physical.text() != c.Dataset {
		d.refuseEarlier(physical, "remove it", "%q is not the published table, which is called %q", physical.text(), c.Dataset)
	}
	c.Grain = object.get("dataGranularityDescription").text()
	if c.Grain == "" {
		const key = "dataGranularityDescription"
		d.reportAt(orParent(object.get(key), object), join(object.path, key), `write "One row per …"`, "the grain is missing")
	}
	custom := d.customProperties(object, atSchema)
	c.KeyConflict = KeyConflict(d.choiceOf(custom["llacKeyConflict"], string(QuarantineConflicts), string(LatestWins)))
	c.RawPages = RawPolicy(d.choiceOf(custom["llacRawPages"], string(RawArchive), string(RawDelete)))
	d.readDrift(c, custom["llacDrift"])
	if relationships := object.get("relationships"); relationships.exists() {
		d.report(relationships, "put each reference under its property, as relationships: [{to: dataset.column}]",
			"references of the whole object are not supported")
	}

	if zone, ok := custom["llacZone"]; ok {
		d.zone = d.zoneOf(zone)
	}
	places := d.readFields(c, object, custom["llacUnstaged"])
	d.checkZone(c, custom["llacZone"])
	d.readSlicing(c, custom["llacSlicing"], places)
	d.checkKeyAndPartition(c, object, places)
	d.checkMatches(c, places)
	d.checkNames(c, places)
	d.checkPersonal(c, places)
	d.readRowRules(c, custom["llacRowRules"])
	d.readRules(c, object, places)
}

func (d *document) readDrift(c *Contract, n node) {
	c.Drift = Drift{Added: DriftReport, Missing: DriftReject, Retyped: DriftReject}
	if !n.exists() {
		return
	}
	if !n.isMapping() {
		d.report(n, "write {added: report, missing: reject, retyped: reject}", "must be a mapping")
		return
	}
	kinds := map[string]*DriftPolicy{"added": &c.Drift.Added, "missing": &c.Drift.Missing, "retyped": &c.Drift.Retyped}
	for _, e := range n.entries() {
		policy, known := kinds[e.name]
		if !known {
			d.report(e.value, didYouMean(e.name, []string{"added", "missing", "retyped"}), "%q is not a kind of drift", e.name)
			continue
		}
		*policy = DriftPolicy(d.choiceOf(e.value, string(DriftReject), string(DriftReport)))
	}
}

// needText reads a text that is optional in the standard and required by Llac.
func (d *document) needText(holder node, key, fix string) string {
	n := holder.get(key)
	v := n.text()
	if v == "" && (!n.exists() || n.isText()) {
		at := orParent(n, holder)
		if !at.exists() {
			at = d.root
		}
		d.reportAt(at, n.path, fix, "%s is missing", key)
	}
	return v
}

// needCustom reads a required custom property of the contract.
func (d *document) needCustom(holder node, custom map[string]node, name, fix string) string {
	n, ok := custom[name]
	if !ok {
		at := orParent(holder.get("customProperties"), holder)
		d.reportAt(at, "{"+name+"}", fix, "the custom property %s is missing", name)
		return ""
	}
	v := strings.TrimSpace(d.stringOf(n))
	if v == "" && n.isText() {
		d.report(n, fix, "is empty")
	}
	return v
}

// orParent returns n, or its holder if n does not exist.
func orParent(n, holder node) node {
	if n.exists() {
		return n
	}
	return holder
}
