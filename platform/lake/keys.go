package lake

import (
	"fmt"
	"strings"
)

const processed = "ingested_process_at="

// LandingPrefix is where a run's raw pages lie.
func LandingPrefix(dataset, run string) string {
	return "landing/" + dataset + "/" + processed + run + "/"
}

// LandingPageKey is the key of one raw page: its bytes are in its name, so another attempt's different page
// never overwrites it and the same page is never stored twice.
func LandingPageKey(dataset, run string, index int, sha string) string {
	return fmt.Sprintf("%s%05d.%s.json", LandingPrefix(dataset, run), index, sha[:12])
}

// ManifestKey is the key of an attempt's manifest; part 0 is the whole, others are parts handed on.
func ManifestKey(dataset, run, attempt string, part int) string {
	if part > 0 {
		return fmt.Sprintf("%s_manifest.%s.part%d.json", LandingPrefix(dataset, run), attempt, part)
	}
	return LandingPrefix(dataset, run) + "_manifest." + attempt + ".json"
}

// StagingPrefix is where an attempt's candidate lies: one more path level than the run, so that two attempts
// never share a prefix.
func StagingPrefix(dataset, run, attempt string) string {
	return "staging/" + dataset + "/" + processed + run + "-" + attempt + "/"
}

// StagingKey is the key of one Parquet file of a candidate.
func StagingKey(dataset, run, attempt string, partition []PartitionValue) string {
	var b strings.Builder
	b.WriteString(StagingPrefix(dataset, run, attempt))
	for _, p := range partition {
		b.WriteString(p.Column + "=" + p.Value + "/")
	}
	b.WriteString(dataset + ".parquet")
	return b.String()
}

// CandidateKey is the key of an attempt's candidate manifest. The leading underscore hides it from query engines.
func CandidateKey(dataset, run, attempt string) string {
	return StagingPrefix(dataset, run, attempt) + "_candidate.json"
}

// QuarantineKey is the key of an attempt's rejected rows.
func QuarantineKey(dataset, run, attempt string) string {
	return "quarantine/" + dataset + "/" + processed + run + "-" + attempt + "/rows.parquet"
}

// VerdictKey is the key of the gate's verdict on one candidate.
func VerdictKey(dataset, run, attempt string) string {
	return "quality/" + dataset + "/" + processed + run + "-" + attempt + ".json"
}

// ArchiveKey is where a landing object is archived; raw pages gain ".zst".
func ArchiveKey(landingKey string) string {
	k := "archive/" + strings.TrimPrefix(landingKey, "landing/")
	if strings.Contains(k, "/_manifest.") {
		return k
	}
	return k + ".zst"
}

// EvidenceKey is the key of the evidence for a run's landing deletion.
func EvidenceKey(dataset, run string) string {
	return "evidence/" + dataset + "/" + processed + run + ".json"
}

// PointerKey is the key of the dataset's pointer.
func PointerKey(dataset string) string { return "state/" + dataset + "/current.json" }

// HistoryKey is the key of a superseded pointer.
func HistoryKey(dataset, snapshot string) string {
	return HistoryPrefix(dataset) + snapshot + ".json"
}

// HistoryPrefix is where a dataset's superseded pointers lie.
func HistoryPrefix(dataset string) string { return "state/" + dataset + "/history/" }

// CursorKey is the key of the dataset's last look at its source.
func CursorKey(dataset string) string { return "state/" + dataset + "/cursor.json" }

// StateKey is the key of a small mutable document of a dataset.
func StateKey(dataset, name string) string { return "state/" + dataset + "/" + name + ".json" }

// RunPrefix is where the receipts of a run lie.
func RunPrefix(dataset, run string) string { return "runs/" + dataset + "/" + run + "/" }

// ReceiptKey is the key of a stage's receipt; part numbers the receipts of a stage that hands on to itself.
func ReceiptKey(dataset, run, stage string, part int) string {
	if part > 0 {
		return fmt.Sprintf("%s%s.part%d.json", RunPrefix(dataset, run), stage, part)
	}
	return RunPrefix(dataset, run) + stage + ".json"
}

// FailureKey is the key of the record of a message that a stage gave up on.
func FailureKey(dataset, run, stage, messageID string) string {
	return RunPrefix(dataset, run) + stage + ".failed." + safe(messageID) + ".json"
}

// DeadLetterKey is the key of a kept dead letter: by the id of its event, or of its message where it is no event.
func DeadLetterKey(service, id string) string {
	if len(id) > maxID {
		id = SHA256([]byte(id)) // of somebody else's making: ours are short
	}
	return "dead-letters/" + service + "/" + safe(id) + ".json"
}

// maxID bounds the part of a key that is made of an id; S3 allows 1024 bytes for a whole key.
const maxID = 512

// ContractKey is the key of a contract's bytes in the config bucket.
func ContractKey(sha string) string { return "contracts/" + sha + ".yaml" }

// ContractIndexKey is the key of the list of contracts in force, in the config bucket.
const ContractIndexKey = "contracts/index.json"

// safe makes an id fit for a key.
func safe(id string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		}
		return '-'
	}, id)
}
