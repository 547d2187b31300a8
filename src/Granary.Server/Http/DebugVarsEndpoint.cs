using System.Globalization;
using System.Text.Json;
using Granary.Log.Commits;
using Granary.Server.Hosting;
using Granary.Storage.Replicas;

namespace Granary.Server.Http;

/// <summary>
/// Serves /debug/vars as etcd does: command line, file limit, memory and log of this process, under the names that Go has for them.
/// Of the memory only what .NET knows as well.
/// </summary>
internal static class DebugVarsEndpoint
{
    public const string Path = "/debug/vars";

    public static async Task Serve(HttpContext context)
    {
        if (!await PlainText.IsGet(context))
        {
            return;
        }

        context.Response.ContentType = "application/json; charset=utf-8";
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteStartArray("cmdline");
        WriteCommandLine(json);

        json.WriteEndArray();
        json.WriteNumber("file_descriptor_limit", ProcessLimits.OpenFiles);
        WriteMemory(json);
        WriteLog(json, context.RequestServices);
        json.WriteEndObject();
        await json.FlushAsync(context.RequestAborted);
    }

    // A connection string may have a password.
    private static void WriteCommandLine(Utf8JsonWriter json)
    {
        var isSecret = false;
        foreach (var argument in Environment.GetCommandLineArgs())
        {
            var isNamed = argument.StartsWith("--postgres=", StringComparison.Ordinal) || argument.StartsWith("-postgres=", StringComparison.Ordinal);
            json.WriteStringValue(isSecret ? "(hidden)" : isNamed ? argument[..(argument.IndexOf('=', StringComparison.Ordinal) + 1)] + "(hidden)" : argument);
            isSecret = argument is "--postgres" or "-postgres";
        }
    }

    private static void WriteMemory(Utf8JsonWriter json)
    {
        var collections = GC.GetGCMemoryInfo();
        var allocated = GC.GetTotalMemory(forceFullCollection: false);
        json.WriteStartObject("memstats");
        json.WriteNumber("Alloc", allocated);
        json.WriteNumber("TotalAlloc", GC.GetTotalAllocatedBytes());
        json.WriteNumber("Sys", Environment.WorkingSet);
        json.WriteNumber("HeapAlloc", allocated);
        json.WriteNumber("HeapSys", collections.TotalCommittedBytes);
        json.WriteNumber("HeapInuse", collections.HeapSizeBytes);
        json.WriteNumber("PauseTotalNs", GC.GetTotalPauseDuration().Ticks * TimeSpan.NanosecondsPerTick);
        json.WriteNumber("NumGC", GC.CollectionCount(0));
        json.WriteBoolean("EnableGC", true);
        json.WriteEndObject();
    }

    // What is ordered by one member is committed by it, and applied before anybody is told.
    private static void WriteLog(Utf8JsonWriter json, IServiceProvider services)
    {
        var state = services.GetRequiredService<Replica>().State;
        var leadership = services.GetRequiredService<ILeadership>();
        var leader = leadership.Leader;
        var member = leadership.MemberId.ToString("x", CultureInfo.InvariantCulture);
        var led = leader.MemberId.ToString("x", CultureInfo.InvariantCulture);
        json.WriteStartObject("raft.status");
        json.WriteString("id", member);
        json.WriteNumber("term", state.Term);
        json.WriteString("vote", led);
        json.WriteNumber("commit", state.AppliedIndex);
        json.WriteString("lead", led);
        json.WriteString("raftState", leader.IsOwn ? "StateLeader" : "StateFollower");
        json.WriteNumber("applied", state.AppliedIndex);
        json.WriteStartObject("progress");
        json.WriteStartObject(member);
        json.WriteNumber("match", state.AppliedIndex);
        json.WriteNumber("next", state.AppliedIndex + 1);
        json.WriteString("state", "StateReplicate");
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteString("leadtransferee", "0");
        json.WriteEndObject();
    }
}
