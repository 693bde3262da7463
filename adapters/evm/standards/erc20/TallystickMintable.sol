// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessControlEnumerable} from "@openzeppelin/contracts/access/extensions/AccessControlEnumerable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Pausable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Pausable.sol";
import {TallystickPermit} from "./TallystickPermit.sol";

/// @title An ERC-20 token whose owner may mint up to a cap.
/// @notice Invariants:
///  - Every role belongs to the owner named in the constructor. Whoever sends or relays the deployment gets none: the
///    constructor never looks at msg.sender.
///  - The supply never exceeds the cap. Burning makes room again: the cap bounds what exists, not what was ever minted.
///  - While paused nothing moves: no transfer, no mint, no burn; save what an owner takes along who hands the token over.
///  - One account does one thing under one operation id, and does it once, also when it has forgotten that it did. What
///    it did can be read for ever.
///  - Ids are each account's own: nobody, another minter or pauser included, can use up somebody else's.
contract TallystickMintable is ERC20, ERC20Burnable, ERC20Capped, ERC20Pausable, TallystickPermit, AccessControlEnumerable {
    bytes32 public constant MINTER_ROLE = keccak256("MINTER_ROLE");
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    uint8 private immutable _decimals;

    mapping(address by => mapping(bytes32 operationId => bytes32 what)) private _done;

    /// @notice The operation took effect; the events beside this one say how.
    /// @param what Hash of the call that did it: selector, operation id and the other arguments.
    event OperationDone(address indexed by, bytes32 indexed operationId, bytes32 what);

    /// @notice This account's operation took effect earlier; `what` it did is the hash of that call.
    error OperationAlreadyDone(bytes32 operationId, bytes32 what);

    /// @notice A token that nobody owns could never be minted, paused or handed over.
    error OwnerIsZero();

    /// @param cap_ The largest supply that may exist at one time, in base units; at least 1.
    /// @param initialSupply Minted here and now to `initialHolder`, in base units; 0 mints nothing and ignores the holder.
    /// @param owner The only holder of all three roles.
    constructor(
        string memory name_,
        string memory symbol_,
        uint8 decimals_,
        uint256 cap_,
        uint256 initialSupply,
        address owner,
        address initialHolder
    ) ERC20(name_, symbol_) ERC20Capped(cap_) {
        if (owner == address(0)) revert OwnerIsZero();
        _decimals = decimals_;
        _grantRole(DEFAULT_ADMIN_ROLE, owner);
        _grantRole(MINTER_ROLE, owner);
        _grantRole(PAUSER_ROLE, owner);
        if (initialSupply != 0) _mint(initialHolder, initialSupply);
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    /// @notice Mint without an operation id: sent twice, it mints twice. For owners who keep count themselves.
    function mint(address to, uint256 amount) external onlyRole(MINTER_ROLE) {
        _mint(to, amount);
    }

    /// @notice Mint under an operation id; the sender's second call under one id reverts, whatever it asks for.
    function mintOnce(bytes32 operationId, address to, uint256 amount) external onlyRole(MINTER_ROLE) once(operationId) {
        _mint(to, amount);
    }

    /// @notice Burn what the sender holds, under an operation id.
    function burnOnce(bytes32 operationId, uint256 amount) external once(operationId) {
        _burn(msg.sender, amount);
    }

    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }

    /// @notice Pause under an operation id.
    function pauseOnce(bytes32 operationId) external onlyRole(PAUSER_ROLE) once(operationId) {
        _pause();
    }

    /// @notice Unpause under an operation id.
    function unpauseOnce(bytes32 operationId) external onlyRole(PAUSER_ROLE) once(operationId) {
        _unpause();
    }

    /// @notice Hand the token over under an operation id: every role that the sender has, and all of it that the sender
    /// holds, go to `to` in one transaction. Who else has a role keeps it.
    /// @dev What the sender holds moves while paused, too: an administrator could unpause, move it and pause again.
    function handOverOnce(bytes32 operationId, address to) external onlyRole(DEFAULT_ADMIN_ROLE) once(operationId) {
        if (to == address(0)) revert OwnerIsZero();
        _pass(MINTER_ROLE, to);
        _pass(PAUSER_ROLE, to);
        _pass(DEFAULT_ADMIN_ROLE, to);
        uint256 held = balanceOf(msg.sender);
        if (held != 0) ERC20._update(msg.sender, to, held);
    }

    /// @notice What `by` did under the operation id: the hash of that call, and 0 where it has done nothing.
    function doneUnder(address by, bytes32 operationId) external view returns (bytes32 what) {
        return _done[by][operationId];
    }

    /// @dev Calls of ours have no bytes behind their arguments; whoever appends some to its own has another hash.
    modifier once(bytes32 operationId) {
        bytes32 earlier = _done[msg.sender][operationId];
        if (earlier != 0) revert OperationAlreadyDone(operationId, earlier);
        bytes32 what = keccak256(msg.data);
        _done[msg.sender][operationId] = what;
        emit OperationDone(msg.sender, operationId, what);
        _;
    }

    function _pass(bytes32 role, address to) private {
        if (_revokeRole(role, msg.sender)) _grantRole(role, to);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Capped, ERC20Pausable) {
        super._update(from, to, value);
    }
}
