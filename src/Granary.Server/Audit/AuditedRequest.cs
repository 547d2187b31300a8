using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Granary.Protos;
using Granary.Protos.Concurrency;

namespace Granary.Server.Audit;

/// <summary>
/// What the audit log says of a request: the ranges that it reads and writes, leases, names of users and roles. Never a value, a password or a
/// hash: what is not named here is left out.
/// </summary>
internal static class AuditedRequest
{
    private const int MostBytes = 512;
    private const int MostRanges = 128;

    /// <summary>Whether a request may change something.</summary>
    public static bool MayWrite(IMessage request) => request switch
    {
        TxnRequest txn => Writes(txn),
        PutRequest or DeleteRangeRequest or CompactionRequest or LeaseGrantRequest or LeaseRevokeRequest => true,
        LockRequest or UnlockRequest or CampaignRequest or ProclaimRequest or ResignRequest => true,
        AlarmRequest alarm => alarm.Action != AlarmRequest.Types.AlarmAction.Get,
        DefragmentRequest or MoveLeaderRequest or DowngradeRequest or SnapshotRequest => true,
        MemberAddRequest or MemberRemoveRequest or MemberUpdateRequest or MemberPromoteRequest => true,
        AuthEnableRequest or AuthDisableRequest or AuthenticateRequest => true,
        AuthUserAddRequest or AuthUserDeleteRequest or AuthUserChangePasswordRequest or AuthUserGrantRoleRequest or AuthUserRevokeRoleRequest => true,
        AuthRoleAddRequest or AuthRoleDeleteRequest or AuthRoleGrantPermissionRequest or AuthRoleRevokePermissionRequest => true,
        _ => false,
    };

    public static void Write(Utf8JsonWriter json, IMessage request)
    {
        switch (request)
        {
            case TxnRequest txn:
                var (reads, writes) = (new List<(ByteString, ByteString)>(), new List<(ByteString, ByteString)>());
                Gather(txn, reads, writes);
                WriteRanges(json, "reads", reads);
                WriteRanges(json, "writes", writes);
                break;
            case RangeRequest range:
                WriteRanges(json, "reads", [(range.Key, range.RangeEnd)]);
                break;
            case PutRequest put:
                WriteRanges(json, "writes", [(put.Key, ByteString.Empty)]);
                WriteNumber(json, "lease", put.Lease);
                break;
            case DeleteRangeRequest delete:
                WriteRanges(json, "writes", [(delete.Key, delete.RangeEnd)]);
                break;
            case CompactionRequest compaction:
                WriteNumber(json, "revision", compaction.Revision);
                break;
            case LeaseGrantRequest grant:
                WriteNumber(json, "lease", grant.ID);
                WriteNumber(json, "ttl", grant.TTL);
                break;
            case LeaseRevokeRequest revoke:
                WriteNumber(json, "lease", revoke.ID);
                break;
            case LeaseTimeToLiveRequest left:
                WriteNumber(json, "lease", left.ID);
                break;
            case LockRequest @lock:
                WriteRanges(json, "writes", [(@lock.Name, ByteString.Empty)]);
                WriteNumber(json, "lease", @lock.Lease);
                break;
            case UnlockRequest unlock:
                WriteRanges(json, "writes", [(unlock.Key, ByteString.Empty)]);
                break;
            case CampaignRequest campaign:
                WriteRanges(json, "writes", [(campaign.Name, ByteString.Empty)]);
                WriteNumber(json, "lease", campaign.Lease);
                break;
            case ProclaimRequest proclaim:
                WriteRanges(json, "writes", [(proclaim.Leader?.Key ?? ByteString.Empty, ByteString.Empty)]);
                break;
            case ResignRequest resign:
                WriteRanges(json, "writes", [(resign.Leader?.Key ?? ByteString.Empty, ByteString.Empty)]);
                break;
            case LeaderRequest leader:
                WriteRanges(json, "reads", [(leader.Name, ByteString.Empty)]);
                break;
            case AlarmRequest alarm:
                json.WriteString("action", $"{alarm.Action} {alarm.Alarm}");
                break;
            case AuthUserAddRequest add:
                json.WriteString("of", Short(add.Name));
                break;
            case AuthUserGetRequest get:
                json.WriteString("of", Short(get.Name));
                break;
            case AuthUserDeleteRequest delete:
                json.WriteString("of", Short(delete.Name));
                break;
            case AuthUserChangePasswordRequest change:
                json.WriteString("of", Short(change.Name));
                break;
            case AuthUserGrantRoleRequest grant:
                json.WriteString("of", Short(grant.User));
                json.WriteString("role", Short(grant.Role));
                break;
            case AuthUserRevokeRoleRequest revoke:
                json.WriteString("of", Short(revoke.Name));
                json.WriteString("role", Short(revoke.Role));
                break;
            case AuthRoleAddRequest add:
                json.WriteString("role", Short(add.Name));
                break;
            case AuthRoleGetRequest get:
                json.WriteString("role", Short(get.Role));
                break;
            case AuthRoleDeleteRequest delete:
                json.WriteString("role", Short(delete.Role));
                break;
            case AuthRoleGrantPermissionRequest grant:
                json.WriteString("role", Short(grant.Name));
                if (grant.Perm is { } permission)
                {
                    json.WriteString("permission", permission.PermType.ToString());
                    WriteRanges(json, "ranges", [(permission.Key, permission.RangeEnd)]);
                }

                break;
            case AuthRoleRevokePermissionRequest revoke:
                json.WriteString("role", Short(revoke.Role));
                WriteRanges(json, "ranges", [(revoke.Key, revoke.RangeEnd)]);
                break;
        }
    }

    private static bool Writes(TxnRequest txn)
    {
        foreach (var op in txn.Success.Concat(txn.Failure))
        {
            if (op.RequestCase is RequestOp.RequestOneofCase.RequestPut or RequestOp.RequestOneofCase.RequestDeleteRange
                || (op.RequestCase == RequestOp.RequestOneofCase.RequestTxn && Writes(op.RequestTxn)))
            {
                return true;
            }
        }

        return false;
    }

    private static void Gather(TxnRequest txn, List<(ByteString Key, ByteString End)> reads, List<(ByteString Key, ByteString End)> writes)
    {
        reads.AddRange(txn.Compare.Select(static compare => (compare.Key, compare.RangeEnd)));
        Gather(txn.Success, reads, writes);
        Gather(txn.Failure, reads, writes);
    }

    private static void Gather(RepeatedField<RequestOp> branch, List<(ByteString Key, ByteString End)> reads, List<(ByteString Key, ByteString End)> writes)
    {
        foreach (var op in branch)
        {
            switch (op.RequestCase)
            {
                case RequestOp.RequestOneofCase.RequestRange:
                    reads.Add((op.RequestRange.Key, op.RequestRange.RangeEnd));
                    break;
                case RequestOp.RequestOneofCase.RequestPut:
                    writes.Add((op.RequestPut.Key, ByteString.Empty));
                    break;
                case RequestOp.RequestOneofCase.RequestDeleteRange:
                    writes.Add((op.RequestDeleteRange.Key, op.RequestDeleteRange.RangeEnd));
                    break;
                case RequestOp.RequestOneofCase.RequestTxn:
                    Gather(op.RequestTxn, reads, writes);
                    break;
            }
        }
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, long value)
    {
        if (value != 0)
        {
            json.WriteNumber(name, value);
        }
    }

    private static void WriteRanges(Utf8JsonWriter json, string name, List<(ByteString Key, ByteString End)> ranges)
    {
        if (ranges.Count == 0)
        {
            return;
        }

        json.WriteStartArray(name);
        foreach (var (key, end) in ranges.Take(MostRanges))
        {
            json.WriteStartArray();
            json.WriteStringValue(Text(key));
            if (!end.IsEmpty)
            {
                json.WriteStringValue(Text(end));
            }

            json.WriteEndArray();
        }

        json.WriteEndArray();
        if (ranges.Count > MostRanges)
        {
            json.WriteNumber($"{name} in all", ranges.Count);
        }
    }

    /// <summary>A name, cut where it is longer than one that means something: what is refused is noted too, and anybody can ask for it.</summary>
    public static string Short(string name) => name.Length <= MostBytes ? name : $"{name[..MostBytes]}… ({name.Length} characters)";

    // As text where it is some, else in hexadecimal behind a mark that no text begins with unless it is doubled.
    private static string Text(ByteString bytes)
    {
        var shown = bytes.Span[..Math.Min(bytes.Length, MostBytes)];
        var text = !Utf8.IsValid(shown) ? $"\\x{Convert.ToHexString(shown)}"
            : shown.Length > 0 && shown[0] == '\\' ? "\\" + Encoding.UTF8.GetString(shown)
            : Encoding.UTF8.GetString(shown);
        return shown.Length == bytes.Length ? text : $"{text}… ({bytes.Length} bytes)";
    }
}
