using System.Text.Json;

namespace Granary.Storage.Snapshots;

/// <summary>The member that a snapshot names, which whoever restores it replaces by itself.</summary>
public sealed record SnapshotMember(ulong Id, string Name, IReadOnlyList<string> PeerUrls, IReadOnlyList<string> ClientUrls)
{
    internal byte[] ToJson()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteNumber("id", Id);
            Write(json, "peerURLs", PeerUrls);
            json.WriteString("name", Name);
            Write(json, "clientURLs", ClientUrls);
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static void Write(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }
}
