using Google.Protobuf;
using static Granary.Conformance.Tests.Requests;
using static Granary.Protos.Permission.Types.Type;

namespace Granary.Conformance.Tests.Users;

/// <summary>Users, roles, the switch and logging in: every rule and every error asked of both.</summary>
public sealed class AuthManagementTests(AuthPair pair) : AuthTest(pair), IClassFixture<AuthPair>
{
    [Fact]
    public async Task Users_and_roles_are_managed_by_anybody_while_authentication_is_off()
    {
        foreach (var request in (IMessage[])
            [
                new AuthStatusRequest(), AddUser("", "x"), AddUser("b", "x"), AddUser("b", "x"), AddUser("a", ""), AddUser("ä", "x"), AddUser("Z", "x"),
                AddUser("𝄞", "x"), AddUser("\uffff", "x"), AddUser("long", new string('p', 72)), AddUser("longer", new string('p', 73)),
                AddUser("bytes", new string('ä', 36)), AddUser("too many bytes", new string('ä', 37)),
                new AuthUserAddRequest { Name = "none", Options = new UserAddOptions { NoPassword = true } },
                new AuthUserAddRequest { Name = "none too", Password = "dropped", Options = new UserAddOptions { NoPassword = true } },
                new AuthUserAddRequest { Name = "hashed", HashedPassword = "JDJhJDA0JA==" },
                new AuthUserListRequest(), new AuthUserGetRequest { Name = "b" }, new AuthUserGetRequest { Name = "c" }, new AuthUserGetRequest(),
                AddRole(""), AddRole("r"), AddRole("r"), AddRole("q"), AddRole("root"), new AuthRoleListRequest(),
                new AuthRoleGetRequest { Role = "r" }, new AuthRoleGetRequest { Role = "none" }, new AuthRoleGetRequest(), new AuthRoleGetRequest { Role = "root" },
                GrantRole("b", "r"), GrantRole("b", "r"), GrantRole("b", "q"), GrantRole("b", "none"), GrantRole("nobody", "r"), GrantRole("b", "root"),
                new AuthUserGetRequest { Name = "b" }, RevokeRole("b", "root"), RevokeRole("b", "root"), RevokeRole("nobody", "r"), RevokeRole("b", "none"),
                new AuthStatusRequest(), new AuthRoleDeleteRequest { Role = "q" }, new AuthRoleDeleteRequest { Role = "q" }, new AuthUserGetRequest { Name = "b" },
                new AuthUserDeleteRequest { Name = "b" }, new AuthUserDeleteRequest { Name = "b" }, new AuthUserListRequest(), new AuthStatusRequest(),
                new AuthUserChangePasswordRequest { Name = "a", Password = "y" }, new AuthUserChangePasswordRequest { Name = "a", Password = new string('p', 73) },
                new AuthUserChangePasswordRequest { Name = "none", Password = "y" }, new AuthUserChangePasswordRequest { Name = "b", Password = "y" },
                new AuthUserChangePasswordRequest { Name = "a", HashedPassword = "no base64" }, new AuthUserChangePasswordRequest { Name = "a" },
                new AuthRoleDeleteRequest { Role = "root" }, new AuthUserDeleteRequest { Name = "root" }, new AuthDisableRequest(), new AuthStatusRequest(),
                new AuthenticateRequest { Name = "a", Password = "y" }, Everything(),
            ])
        {
            await As(null, request);
            await As("a token that nobody has", new AuthStatusRequest());
        }
    }

    [Fact]
    public async Task Permissions_are_granted_changed_and_revoked_one_by_one()
    {
        foreach (var request in (IMessage[])
            [
                AddRole("r"), Grant("r", Read, "a"), Grant("r", Read, "a"), Grant("r", Write, "a"), Grant("r", Readwrite, "a", "c"), Grant("r", Read, "a", "b"),
                Grant("r", Write, "a", "aa"), Grant("r", Read, "0", "\0"), Grant("r", Read, "\0", "\0"), Grant("none", Read, "a"), Grant("", Read, "a"),
                new AuthRoleGrantPermissionRequest { Name = "r" }, new AuthRoleGrantPermissionRequest { Name = "none" },
                Grant("r", Read, ""), Grant("r", Read, "", "\0"), Grant("r", Read, "", "b"), Grant("r", Read, "b", "a"), Grant("r", Read, "b", "b"),
                Grant("none", Read, "b", "a"), Grant("r", (Permission.Types.Type)7, "x"), new AuthRoleGetRequest { Role = "r" },
                Revoke("r", "a", "d"), Revoke("r", "b"), Revoke("none", "a"), Revoke("r", "a", "c"), new AuthRoleGetRequest { Role = "r" },
                Revoke("r", "a"), Revoke("r", "a"), Revoke("r", "0", "\0"), new AuthRoleGetRequest { Role = "r" }, new AuthStatusRequest(),
            ])
        {
            await As(null, request);
        }
    }

    [Fact]
    public async Task Authentication_is_turned_on_only_with_a_root_who_is_one()
    {
        foreach (var request in (IMessage[])
            [
                new AuthEnableRequest(), AddUser("root", AuthPair.RootPassword), new AuthEnableRequest(), AddRole("root"), new AuthEnableRequest(),
                GrantRole("root", "root"), new AuthEnableRequest(), new AuthEnableRequest(), new AuthStatusRequest(), Everything(),
            ])
        {
            await As(null, request);
        }

        await LogIn("root", "wrong");
        await LogIn("root", AuthPair.RootPassword);
        foreach (var request in (IMessage[])
            [
                new AuthEnableRequest(), new AuthStatusRequest(), new AuthUserDeleteRequest { Name = "root" }, RevokeRole("root", "root"),
                new AuthRoleDeleteRequest { Role = "root" }, new AuthRoleGetRequest { Role = "root" }, Grant("root", Read, "x"), new AuthRoleGetRequest { Role = "root" },
                new AuthUserDeleteRequest { Name = "nobody" }, RevokeRole("root", "other"), new AuthStatusRequest(), new AuthDisableRequest(),
                new AuthDisableRequest(), new AuthStatusRequest(), new AuthUserDeleteRequest { Name = "root" }, new AuthStatusRequest(),
            ])
        {
            await As("root", request);
        }
    }

    [Fact]
    public async Task Who_logs_in_needs_the_password_and_a_token_ends_with_it()
    {
        await Enable();
        await Root(
            AddUser("ann", "secret"), AddUser("empty", ""), AddUser("long", new string('p', 72)), AddUser("bytes", "pä\u0001 ß"),
            new AuthUserAddRequest { Name = "none", Options = new UserAddOptions { NoPassword = true } },
            AddRole("r"), Grant("r", Readwrite, "a", "b"), GrantRole("ann", "r"));
        foreach (var (user, password) in ((string, string)[])
            [
                ("ann", "secret"), ("ann", "Secret"), ("ann", ""), ("ann", "secret "), ("nobody", "secret"), ("", ""), ("empty", ""), ("empty", "x"),
                ("none", ""), ("none", "x"), ("long", new string('p', 72)), ("long", new string('p', 71)), ("long", new string('p', 73)), ("bytes", "pä\u0001 ß"),
            ])
        {
            await LogIn(user, password);
        }

        await As("ann", Put("a"));
        await As("ann", Put("b"));
        await Root(RevokeRole("ann", "r"));
        await As("ann", Put("a"));
        await Root(GrantRole("ann", "r"));
        await As("ann", Put("a"));
        await Root(new AuthUserChangePasswordRequest { Name = "ann", Password = "other" });
        await As("ann", Put("a"));
        await LogIn("ann", "secret");
        await LogIn("ann", "other");
        await As("ann", Put("a"));
        await Root(new AuthUserChangePasswordRequest { Name = "ann" });
        await As("ann", Put("a"));
        await LogIn("ann", "");
        await LogIn("ann", "other");
        await Root(new AuthUserChangePasswordRequest { Name = "ann", Password = "third" });
        await LogIn("ann", "third");
        await Root(new AuthUserDeleteRequest { Name = "ann" });
        await As("ann", Put("a"));
        await Root(AddUser("ann", "third"), GrantRole("ann", "r"));
        await As("ann", Put("a"));
        await LogIn("ann", "third");
        await As("ann", Put("a"));
        await Root(new AuthDisableRequest());
        await LogIn("ann", "third");
        await As("ann", Put("z"));
        await As(null, new AuthEnableRequest());
        await As("ann", Put("a"));
        await As("root", Put("a"));
        await LogIn("root", AuthPair.RootPassword);
        await As("root", Put("z"));
    }

    [Fact]
    public async Task Only_root_manages_and_everybody_may_ask_for_themselves()
    {
        await Enable();
        await Root(AddUser("ann", "a"), AddUser("bob", "b"), AddRole("r"), AddRole("q"), Grant("r", Read, "x"), GrantRole("ann", "r"), AddRole("admins"));
        await LogIn("ann", "a");
        foreach (var user in (string?[])["ann", null, "x.1", "", "no token at all"])
        {
            foreach (var request in (IMessage[])
                [
                    new AuthStatusRequest(), new AuthEnableRequest(), new AuthDisableRequest(), AddUser("new", "x"), AddUser("", "x"), AddUser("new", new string('p', 73)),
                    new AuthUserGetRequest { Name = "ann" }, new AuthUserGetRequest { Name = "bob" }, new AuthUserGetRequest { Name = "nobody" },
                    new AuthUserGetRequest(), new AuthUserListRequest(), new AuthUserDeleteRequest { Name = "bob" }, new AuthUserDeleteRequest { Name = "root" },
                    new AuthUserChangePasswordRequest { Name = "ann", Password = "mine" }, GrantRole("ann", "root"), GrantRole("ann", "q"), RevokeRole("ann", "r"),
                    AddRole("s"), AddRole(""), new AuthRoleGetRequest { Role = "r" }, new AuthRoleGetRequest { Role = "q" }, new AuthRoleGetRequest { Role = "none" },
                    new AuthRoleGetRequest { Role = "root" }, new AuthRoleListRequest(), new AuthRoleDeleteRequest { Role = "r" }, Grant("r", Readwrite, "\0", "\0"),
                    new AuthRoleGrantPermissionRequest { Name = "r" }, Revoke("r", "x"), new AuthenticateRequest { Name = "ann", Password = "wrong" },
                ])
            {
                await As(user, request);
            }
        }

        await Root(new AuthStatusRequest(), new AuthUserListRequest(), new AuthRoleListRequest());
    }
}
